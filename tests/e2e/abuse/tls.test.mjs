// TLS for browsers on other machines: a certificate is exchanged under a sealed session that goes on.
import test from 'node:test'
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { copyFileSync, writeFileSync, renameSync } from 'node:fs'
import { connect as tcpConnect, createServer } from 'node:net'
import { connect as tlsConnect } from 'node:tls'
import { get } from 'node:https'
import { tmpdir } from 'node:os'
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { requireWeb } from '../web/seal.mjs'
import { Cluster, until, Lines, bin } from '../lib/cluster.mjs'

const dir = mkdtempSync(join(tmpdir(), 'helio-tls-'))
const shimAt = { host: '127.0.156.9', port: 9000 }
let c, shim

// A certificate of one's own in DIR/NAME.pem and .key.
function certificate(name, key, serial, more = []) {
	const r = spawnSync('openssl', ['req', '-x509', '-nodes', '-newkey', ...key, '-keyout', join(dir, `${name}.key`), '-out', join(dir, `${name}.pem`), '-subj', '/CN=desk.test', '-addext', 'subjectAltName=IP:127.0.156.1', '-set_serial', serial, '-days', '30', ...more], { encoding: 'utf8' })
	assert.equal(r.status, 0, r.stderr)
}
// As an ACME client does it: one file after the other, each at once.
function install(name, what = ['pem', 'key']) {
	for (const ext of what) {
		copyFileSync(join(dir, `${name}.${ext}`), join(dir, `live.${ext}.new`))
		renameSync(join(dir, `live.${ext}.new`), join(dir, `live.${ext}`))
	}
}
const at = () => ({ host: c.ip('oslo'), port: 8080, rejectUnauthorized: false })
const shown = (options = {}) => new Promise((done, fail) => {
	const s = tlsConnect({ ...at(), ...options }, () => {
		done({ serial: s.getPeerCertificate().serialNumber, protocol: s.getProtocol(), cipher: s.getCipher().name })
		s.destroy()
	}).on('error', fail)
})
const page = (path) => new Promise((done, fail) => get({ ...at(), path, agent: false }, (r) => {
	let body = ''
	r.on('data', (d) => (body += d)).on('end', () => done({ status: r.statusCode, headers: r.headers, body }))
}).on('error', fail))
const status = () => c.node('oslo-g1').tls

test.before(async () => {
	certificate('one', ['rsa:2048'], '0x1111')
	certificate('two', ['ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'], '0x2222')
	certificate('three', ['rsa:2048'], '0x3333')
	install('one')
	c = new Cluster({ sites: ['oslo'], base: 156, agents: [{ name: 'a1', site: 'oslo' }],
		gatewayExtra: `, origins: ["http://${shimAt.host}:${shimAt.port}"], tls: {cert: ${dir}/live.pem, key: ${dir}/live.key}` })
	c.prepare()
	c.redis()
	for (const [role, name] of [['broker', 'oslo-b1'], ['node', 'oslo1'], ['gateway', 'oslo-g1']]) c.daemon(role, name)
	await until('the gateway sees the node', async () => (await page('/healthz').catch(() => null))?.status === 200)
	// helio-agent speaks plain WebSocket: this takes it in, and speaks TLS on the other side.
	shim = createServer((plain) => {
		const secure = tlsConnect(at())
		plain.pipe(secure).pipe(plain)
		for (const s of [plain, secure]) s.on('error', () => { plain.destroy(); secure.destroy() })
	})
	await new Promise((r) => shim.listen(shimAt, r))
})
test.after(async () => {
	await c?.stop()
	shim?.close()
	rmSync(dir, { recursive: true, force: true })
})

test('the page comes by https with HSTS, and may speak wss only to its own origins', async () => {
	const r = await page('/')
	assert.match(r.headers['strict-transport-security'], /max-age=\d{8}/)
	assert.match(r.headers['content-security-policy'], /connect-src 'self' wss:\/\/127\.0\.156\.1:8080/)
	assert.equal((await page('/cluster.json')).status, 200)
})

test('TLS 1.2 and 1.3 with good ciphers, nothing older, nothing plain', async () => {
	assert.equal((await shown()).protocol, 'TLSv1.3')
	const old = await shown({ maxVersion: 'TLSv1.2' })
	assert.match(old.cipher, /^ECDHE-.*(GCM|CHACHA20)/)
	await assert.rejects(shown({ minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }))
	await assert.rejects(shown({ maxVersion: 'TLSv1.2', ciphers: 'AES128-SHA:ECDHE-RSA-AES128-SHA' }))
	const plain = await new Promise((done) => {
		const s = tcpConnect({ host: at().host, port: 8080 }, () => s.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'))
		let got = ''
		s.on('data', (d) => (got += d.toString('latin1'))).on('close', () => done(got)).on('error', () => {})
	})
	assert.doesNotMatch(plain, /HTTP\/1\.1 200/)
})

test('the certificate is exchanged under a sealed session, which goes on and takes a call', async () => {
	const agent = new Lines(join(bin, 'helio-agent'), ['--gateway', `${shimAt.host}:${shimAt.port}`, '--name', 'a1', '--password-file', join(c.dir, 'password'), '--json', '--audio', 'plain', '--answer-after', '0ms', '--talk', '300ms'])
	c.lines.push(agent)
	await agent.idle(20000)
	const opened = c.node('oslo-g1').counters.opened // the first try may have come too early
	assert.equal((await shown()).serial, '1111')

	// A pair that does not fit, as in the moment between two files: the old one stays.
	install('two', ['pem'])
	c.signal('oslo-g1', 'SIGHUP')
	await until('it was refused', () => status().failed >= 1)
	assert.equal((await shown()).serial, '1111')
	assert.match(c.log('oslo-g1'), /tls\.reload.*live\.key/)

	install('two', ['key'])
	c.signal('oslo-g1', 'SIGHUP')
	await until('the new one is shown', async () => (await shown()).serial === '2222')
	assert.equal(status().serial, '2222')
	// A client that takes RSA only does not get the old one.
	await assert.rejects(shown({ maxVersion: 'TLSv1.2', sigalgs: 'RSA-PSS+SHA256:RSA+SHA256', ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' }))

	const caller = c.caller('oslo', 'support', ['--tone', '440', '--seconds', '20'])
	await agent.event('talk')
	await caller.stop()
	const ups = agent.events.filter((e) => e.event === 'sealed' || e.event === 'up' || e.event === 'signed_in')
	assert.ok(ups.length <= 2 && agent.code === undefined, 'it never had to connect again')
	assert.equal(c.node('oslo-g1').counters.opened, opened)

	// Without a signal: the files are looked at.
	install('three')
	await until('the changed files are seen', async () => (await shown()).serial === '3333', 15000)
	assert.equal(c.node('oslo-g1').connections, 1)
	await agent.stop()
})

test('a browser loads the page by https and speaks wss', async () => {
	const { chromium } = requireWeb('playwright-core')
	const browser = await chromium.launch({ executablePath: process.env.HELIO_CHROMIUM ?? '/usr/bin/chromium', headless: true,
		args: ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--ignore-certificate-errors'] })
	try {
		const page = await browser.newPage()
		const bad = []
		page.on('console', (m) => m.type() === 'error' && bad.push(m.text()))
		await page.goto(`https://${at().host}:8080/`)
		await page.getByRole('button').first().waitFor()
		const byte = await page.evaluate(() => new Promise((done, fail) => {
			const ws = new WebSocket(`wss://${location.host}/desk`, 'heliograph.1')
			ws.binaryType = 'arraybuffer'
			ws.onmessage = (e) => done(new Uint8Array(e.data)[0])
			ws.onerror = () => fail(new Error('refused'))
		}))
		assert.equal(byte, 1, 'the certificate of a node comes')
		assert.deepEqual(bad, [])
	} finally {
		await browser.close()
	}
})

test('a gateway without its certificate says which file is wrong, and does not start', async () => {
	writeFileSync(join(dir, 'live.key'), 'no key\n')
	await c.kill('oslo-g1', 'SIGTERM')
	const g = c.daemon('gateway', 'oslo-g1')
	assert.equal(await g.exited, 1)
	assert.match(c.log('oslo-g1'), /gateway\.start.*live\.key/)
	c.children.delete('oslo-g1')
})
