// The core and its simulator: both measure their own floors and say their own targets.
import { figures } from './lib/programs.mjs'

export default async function (rows) {
	for (const row of await figures('acd_bench', [], 60000)) rows.pass(row)
	for (const row of await figures('helio-sim', ['--rate', '--seeds', '1..30'], 30000)) rows.pass(row)
}
