// Sealed frames a second through a true gateway and a true node, and how fast the mesh is below it.
import { cluster, stop, figures } from './lib/programs.mjs'
import { median } from './lib/rows.mjs'
import { join } from 'node:path'

const connections = 16, window = 8, ms = 1500, rounds = 3

export default async function (rows) {
	for (const row of await figures('mesh_bench', ['2000'], 20000)) rows.pass(row)
	const floor = await figures('bench_floor', ['seal', '40', String(connections * window), '1000'], 5000)
	const c = await cluster({ sites: ['oslo'], gatewayArgs: ['--limit', 'rate=100000', '--limit', 'burst=100000'], nodeArgs: ['--page-rate', '100000'] })
	const got = await figures('sealed_bench', [c.gateway('oslo'), join(c.dir, 'keys/cluster.pub'), connections, window, ms, rounds].map(String), 20000)
	rows.add('sealed_frames_per_s', median(got.map((r) => r.frames_per_s)), '1/s', floor[0].frames_per_s)
	await stop(c)
}
