// The page's own seal code as a Node module: bundled on the fly, because Node 18 reads no TypeScript.
// That the TypeScript and the C side agree is shown elsewhere (tests/unit/seal), so the double may
// use the same code as the page.
import { createRequire } from 'node:module';
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
export const webRoot = join(here, '..', '..', '..', 'gateway', 'web');
/** Packages live in gateway/web/node_modules and nowhere else. */
export const requireWeb = createRequire(join(webRoot, 'package.json'));

export async function loadSeal() {
	requireWeb('./tools/webcrypto.cjs'); // before libsodium looks for it
	const { build } = requireWeb('esbuild');
	const out = join(webRoot, 'node_modules', '.cache', `helio-fake-${process.pid}`);
	mkdirSync(out, { recursive: true });
	const outfile = join(out, 'seal.mjs');
	await build({
		entryPoints: [join(webRoot, 'src', 'seal', 'index.ts')], outfile, bundle: true,
		platform: 'node', format: 'esm', target: 'node18', packages: 'external', logLevel: 'warning',
	});
	const seal = await import(pathToFileURL(outfile).href);
	await seal.sealReady();
	const sodium = requireWeb('libsodium-wrappers');
	await sodium.ready;
	return { seal, sodium, out };
}
