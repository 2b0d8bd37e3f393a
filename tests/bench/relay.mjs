// The audio of a call: the media helper's own bench, which measures its floor (a bare UDP relay) itself.
import { figures } from './lib/programs.mjs'

export default async function (rows) {
	for (const row of await figures('relay_bench', ['100', '2'], 55000)) rows.pass(row)
}
