// What ctest calls: says in one sentence what is missing, else runs the tests of the page.
// unit: types, then the pure logic. states: every screen in Chromium. access: can everybody use them?
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const web = join(here, '..', '..', '..', 'gateway', 'web');

function need(path, remedy) {
	if (existsSync(path)) return;
	console.error(`${path} is missing: ${remedy}.`);
	process.exit(1);
}
function run(args) {
	const { status, error } = spawnSync(process.execPath, args, { cwd: web, stdio: 'inherit' });
	if (error) console.error(error.message);
	if (status !== 0) process.exit(status ?? 1);
}

need(join(web, 'node_modules', 'preact'), 'run `npm ci` in gateway/web first');
switch (process.argv[2]) {
case 'unit':
	run([join(web, 'node_modules', 'typescript', 'bin', 'tsc'), '--noEmit']);
	run([join(web, 'tools', 'test.mjs')]);
	break;
case 'states':
case 'access':
	need(join(web, 'dist', 'index.html'), 'run `npm run build` in gateway/web first');
	run(['--test', '--test-reporter=spec', join(here, `${process.argv[2]}.test.mjs`)]);
	break;
default:
	console.error('usage: run-web.mjs unit | states | access');
	process.exit(2);
}
