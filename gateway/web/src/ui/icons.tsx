// The page's own icons: 24 × 24, strokes in the text's colour. Decoration only: words stand beside.
import type { ComponentChildren } from 'preact';

function Icon({ children, size = 24 }: { children: ComponentChildren; size?: number | undefined }) {
	return (
		<svg class="icon" width={size} height={size} viewBox="0 0 24 24" fill="none"
			stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round"
			aria-hidden="true" focusable="false">
			{children}
		</svg>
	);
}
type P = { size?: number };
const HANDSET = 'M6.6 3.5 9 3l2 4.8-2.2 1.7a12 12 0 0 0 5.7 5.7l1.7-2.2L21 15l-.5 2.4A4 4 0 0 1 '
	+ '16.4 21 15.5 15.5 0 0 1 3 7.6a4 4 0 0 1 3.6-4.1Z';

export const PhoneIcon = ({ size }: P) => <Icon size={size}><path d={HANDSET} /></Icon>;
export const PhoneInIcon = ({ size }: P) => (
	<Icon size={size}><path d={HANDSET} /><path d="M20 3.5l-5 5M15 4.5v4h4" /></Icon>
);
export const HangupIcon = ({ size }: P) => (
	<Icon size={size}><path d={HANDSET} transform="rotate(135 12 12)" /></Icon>
);
export const CheckIcon = ({ size }: P) => <Icon size={size}><path d="M4.5 12.5l5 5 10-11" /></Icon>;
export const PauseIcon = ({ size }: P) => <Icon size={size}><path d="M8.5 5v14M15.5 5v14" /></Icon>;
export const CrossIcon = ({ size }: P) => <Icon size={size}><path d="M6 6l12 12M18 6L6 18" /></Icon>;
export const PenIcon = ({ size }: P) => (
	<Icon size={size}><path d="M4 20l1-4.5L16.5 4a2 2 0 0 1 3 3L8.5 19 4 20ZM14 6.5l3 3" /></Icon>
);
export const AlertIcon = ({ size }: P) => (
	<Icon size={size}><path d="M12 3.5 2.5 20h19ZM12 10v4.5" /><path d="M12 17.3v.1" /></Icon>
);
export const InfoIcon = ({ size }: P) => (
	<Icon size={size}><circle cx="12" cy="12" r="9" /><path d="M12 11v5.5M12 7.5v.1" /></Icon>
);
export const MissedIcon = ({ size }: P) => (
	<Icon size={size}><path d={HANDSET} /><path d="M15 3.5l5 5M20 3.5l-5 5" /></Icon>
);
export const WaitIcon = ({ size }: P) => (
	<Icon size={size}><circle cx="12" cy="12" r="9" /><path d="M12 7v5.2l3.4 2" /></Icon>
);
export const MicIcon = ({ size }: P) => (
	<Icon size={size}>
		<rect x="9" y="3" width="6" height="11" rx="3" />
		<path d="M5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v3" />
	</Icon>
);
export const MicOffIcon = ({ size }: P) => (
	<Icon size={size}>
		<path d="M9 9v2a3 3 0 0 0 4.6 2.5M15 10.500V6a3 3 0 0 0-5.7-1.3" />
		<path d="M5.5 11.500a6.5 6.5 0 0 0 10.2 5.300M18.5 11.500c0 .9-.2 1.7-.5 2.500M12 18v3M3.5 3.500l17 17" />
	</Icon>
);
export const SpeakerIcon = ({ size }: P) => (
	<Icon size={size}>
		<path d="M4 9.500v5h3.500L13 19V5L7.5 9.500ZM16.5 9a4 4 0 0 1 0 6M19 6.500a8 8 0 0 1 0 11" />
	</Icon>
);
export const KeyboardIcon = ({ size }: P) => (
	<Icon size={size}>
		<rect x="2.5" y="6" width="19" height="12" rx="2" />
		<path d="M6.5 10v.1M10 10v.1M14 10v.1M17.5 10v.1M8 14h8" />
	</Icon>
);
export const SunIcon = ({ size }: P) => (
	<Icon size={size}>
		<circle cx="12" cy="12" r="4" />
		<path d="M12 2.500v2M12 19.500v2M2.5 12h2M19.5 12h2M5.3 5.300l1.4 1.400M17.3 17.300l1.4 1.400M5.3 18.700l1.4-1.400M17.3 6.700l1.4-1.4" />
	</Icon>
);
export const MoonIcon = ({ size }: P) => (
	<Icon size={size}><path d="M20 14.500A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.500Z" /></Icon>
);
export const AutoIcon = ({ size }: P) => (
	<Icon size={size}><circle cx="12" cy="12" r="8.5" /><path d="M12 3.500v17M12 8l6.5 0M12 12h8.500M12 16h6.5" /></Icon>
);
export const GlobeIcon = ({ size }: P) => (
	<Icon size={size}>
		<circle cx="12" cy="12" r="9" /><path d="M3 12h18M12 3c5 5.5 5 12.5 0 18M12 3c-5 5.5-5 12.5 0 18" />
	</Icon>
);
export const DoorIcon = ({ size }: P) => (
	<Icon size={size}><path d="M13.5 4H5.500v16h8M10 12h10.500M17 8.500l3.5 3.5-3.5 3.5" /></Icon>
);
export const EyeIcon = ({ size }: P) => (
	<Icon size={size}>
		<path d="M2.5 12C5 7.5 8.3 5.5 12 5.500s7 2 9.5 6.500c-2.5 4.5-5.8 6.5-9.5 6.500S5 16.5 2.5 12Z" />
		<circle cx="12" cy="12" r="2.8" />
	</Icon>
);
export const EyeOffIcon = ({ size }: P) => (
	<Icon size={size}>
		<path d="M2.5 12C5 7.5 8.3 5.5 12 5.500s7 2 9.5 6.500c-2.5 4.5-5.8 6.5-9.5 6.500S5 16.5 2.5 12ZM4 4l16 16" />
	</Icon>
);
export const LockIcon = ({ size }: P) => (
	<Icon size={size}>
		<rect x="5" y="10.5" width="14" height="10" rx="2" /><path d="M8.5 10.500V8a3.5 3.5 0 0 1 7 0v2.5" />
	</Icon>
);
export const PeopleIcon = ({ size }: P) => (
	<Icon size={size}>
		<circle cx="9" cy="8.5" r="3.5" /><path d="M2.5 19.500a6.5 6.5 0 0 1 13 0M15.5 5.300a3.5 3.5 0 0 1 0 6.400M18 14.200a6.5 6.5 0 0 1 3.5 5.3" />
	</Icon>
);
/** Four bars, as on a telephone: how many are filled says what the word beside them says. */
export const BarsIcon = ({ filled }: { filled: 0 | 1 | 2 | 3 | 4 }) => (
	<svg class="icon" width="20" height="20" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
		{[0, 1, 2, 3].map((i) => (
			<rect x={1 + i * 5} y={13 - i * 4} width="3.5" height={6 + i * 4} rx="1"
				fill="currentColor" opacity={i < filled ? 1 : 0.25} />
		))}
	</svg>
);
/** The mark: the sun, and the mirror that sends its flash on. */
export const Logo = ({ size = 32 }: P) => (
	<svg class="logo" width={size} height={size} viewBox="0 0 32 32" aria-hidden="true" focusable="false">
		<circle class="logo-sun" cx="14" cy="14" r="6" />
		<path class="logo-ray" d="M14 2v4M14 22v4M2 14h4M5.5 5.500l2.8 2.800M22.5 5.500l-2.8 2.800M5.5 22.500l2.8-2.8" />
		<path class="logo-flash" d="M17 17l12.5-4.7-4.8 12.500z" />
	</svg>
);
