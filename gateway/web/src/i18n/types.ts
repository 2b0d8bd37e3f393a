/** A text that depends on a number: the forms of Intl.PluralRules that its language has. */
export interface Plural {
	one?: string;
	few?: string;
	many?: string;
	other: string;
}
export type Dictionary = Record<string, string | Plural>;
