// Bundles test/*.test.ts with esbuild and hands them to Node's own test runner: Node 18 reads no
// TypeScript, and esbuild is here already because Vite brings it. Arguments pick files by name.
import { build } from 'esbuild';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const out = join(root, 'node_modules', '.cache', `helio-test-${process.pid}`);
const wanted = process.argv.slice(2);
const files = readdirSync(join(root, 'test'))
	.filter((name) => name.endsWith('.test.ts'))
	.filter((name) => wanted.length === 0 || wanted.some((word) => name.includes(word)));
if (files.length === 0) {
	console.error(`no test file matches: ${wanted.join(' ')}`);
	process.exit(1);
}
mkdirSync(out, { recursive: true });
try {
	await build({
		absWorkingDir: root,
		entryPoints: files.map((name) => join('test', name)),
		outdir: out,
		outExtension: { '.js': '.mjs' },
		bundle: true,
		platform: 'node',
		format: 'esm',
		target: 'node18',
		packages: 'external',
		sourcemap: 'inline',
		define: { HELIO_WEB_ROOT: JSON.stringify(root) },
		logLevel: 'warning',
	});
	const built = files.map((name) => join(out, name.replace(/\.ts$/, '.mjs')));
	const run = spawnSync(process.execPath, [
		'--require', join(root, 'tools', 'webcrypto.cjs'), '--enable-source-maps', '--test', ...built,
	], { cwd: root, stdio: 'inherit' });
	process.exitCode = run.status ?? 1;
} finally {
	rmSync(out, { recursive: true, force: true });
}
