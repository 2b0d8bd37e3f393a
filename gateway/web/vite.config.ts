import { defineConfig } from 'vite';

// The gateway serves dist/ under a CSP without inline anything (gateway/README.md), so nothing may be
// inlined into the HTML; the module preload helper is the one inline script Vite would add.
export default defineConfig({
	esbuild: { jsx: 'automatic', jsxImportSource: 'preact', legalComments: 'none' },
	build: {
		target: 'es2022',
		assetsInlineLimit: 0,
		modulePreload: { polyfill: false },
		sourcemap: false,
		chunkSizeWarningLimit: 1500, // libsodium's WebAssembly travels inside its module
		rollupOptions: {
			output: { manualChunks: { sodium: ['libsodium-wrappers'] } },
		},
	},
});
