// The shell around the reducer: owns the link, the microphone, the leg and the sounds, turns what
// they say into actions, and does what a changed state asks for. It decides nothing that a test of
// the reducer could not see.
import { speaker, type Lang, type Speaker } from './i18n';
import { checkPin, loadPin, readCluster, savePin } from './link/cluster';
import { Link } from './link/link';
import { Leg, type LegCounters, type LegFigures } from './media/leg';
import { Microphone } from './media/mic';
import { LevelMeter, Ringer } from './media/sound';
import { PathWatch } from './media/path';
import { StallWatch } from './media/stall';
import { Notifier } from './notify';
import {
	leaveTab, loadCallAge, loadPrefs, loadTicket, loadToday, saveCallStart, savePrefs, saveTicket, saveToday,
	tabSession, tabWasAtDesk, type Prefs,
} from './prefs';
import type { FromNode, PauseReason, ToNode, Welcome } from './protocol';
import { deviceKey, forgetDevice, fromHex, newKeyPair, sealReady, type KeyPair } from './seal';
import { WallStore } from './wall/store';
import { inCall, keepsNote, pageState, readyBlock, wantsCalls } from './derive';
import { reduce } from './reduce';
import { initialState, type Action, type Cluster, type State } from './state';
import { WrapUp } from './wrapup';

/** again: the page comes back by itself, and takes the desk from no newer one. */
type Credentials = { name: string; password: string } | { ticket: true; again: boolean };

/** Signing in: the handshake over a bad line, a queue of Argon2id runs, then it is a failure. */
const SIGNIN_MAX_MS = 20_000;
const FIGURES_MS = 5000;
const STALL_LOOK_MS = 250;
/** Looks to pass over while nobody talks: a second. */
const IDLE_LOOKS = 4;
const SILENT_AFTER_MS = 8000;  // longer than anybody keeps a live microphone at digital zero
const SILENT_PEAK = 1e-5;
/** The link was heard so long after the leg: it did not die with it. */
const OUTLIVED_MS = 300;
/** A leg that failed is asked for anew by resuming; not more often than this. */
const RELEG_MS = 6000;
/** The node hears nothing though our end looks fine: one way is broken, and stays so. */
const ONE_WAY_MS = 10_000;
const CLUSTER_RETRY_MS = 4000;

export class App {
	state: State = initialState();
	prefs: Prefs = loadPrefs();
	speaker: Speaker = speaker(this.prefs.lang);
	readonly mic: Microphone;
	readonly meter = new LevelMeter();
	readonly ringer = new Ringer();
	readonly wall = new WallStore((m) => void this.link?.send(m));
	readonly wrapUp = new WrapUp(this, (m) => this.link?.send(m) ?? false);
	private readonly leg: Leg;
	private readonly stall = new StallWatch();
	private readonly path = new PathWatch();
	private looks = 0;
	private readonly notifier = new Notifier();
	private readonly listeners = new Set<() => void>();
	private foundCluster: Cluster | null = null;
	private link: Link | null = null;
	private device: KeyPair | null = null;
	private credentials: Credentials | null = null;
	private signinTimer: ReturnType<typeof setTimeout> | null = null;
	private relegAt = 0;
	private legDownAt = 0;
	private legBlocked = false;
	private figures: LegFigures | null = null;
	private silentSince = 0;
	/** Where a password was refused: tries are counted there, so the next one is told the truth. */
	private deniedBy = '';
	private retryCluster: ReturnType<typeof setTimeout> | null = null;

	constructor() {
		this.mic = new Microphone({
			status: (status, label) => this.dispatch({ a: 'mic', status, label }),
			track: (track) => {
				void this.leg.setTrack(track);
				this.meter.attach(this.mic.stream);
			},
			fallback: () => this.dispatch({ a: 'notice', kind: 'warn', key: 'mic_fallback' }),
		});
		this.leg = new Leg({
			status: (status, why) => this.onLeg(status, why),
			// Perhaps its machine is gone, and our gateway with it: told by a ping, not by the long silence.
			doubt: () => this.link?.probe(),
			blocked: (on) => {
				this.legBlocked = on;
				this.sayBlocked();
			},
		});
		this.ringer.volume = this.prefs.volume;
		setInterval(() => this.onSecond(), 1000);
		setInterval(() => void this.onFigures(), FIGURES_MS);
		setInterval(() => void this.lookAtLeg(), STALL_LOOK_MS);
		for (const kind of ['online', 'offline'] as const)
			addEventListener(kind, () => this.link?.hurry(kind === 'online'));
		document.addEventListener('visibilitychange', () => {
			if (!document.hidden) this.link?.hurry();
		});
		for (const kind of ['pointerdown', 'keydown'] as const)
			addEventListener(kind, () => this.unlock(), { capture: true });
	}

	subscribe(listener: () => void): () => void {
		this.listeners.add(listener);
		return () => this.listeners.delete(listener);
	}

	now(): number {
		return performance.now();
	}

	/** Read-only, for automated checks and for the help desk: window.__helio. */
	diagnostics(): object {
		const s = this.state;
		return {
			state: pageState(s), link: s.link.status, rtt_ms: s.link.rttMs, attempt: s.link.attempt,
			node: s.session?.node ?? '', session: s.session?.id ?? '', mic: s.mic.status,
			leg: s.leg.status, node_stats: s.stats, own_stats: this.figures,
		};
	}

	dispatch(action: Action): void {
		const before = this.state;
		this.state = reduce(before, { ...action, at: this.now() });
		if (this.state === before) return;
		this.onChange(before, this.state);
		for (const listener of this.listeners) listener();
	}

	// ---- opening ----

	async start(): Promise<void> {
		this.drawRoot();
		if (!isSecureContext) {
			this.dispatch({ a: 'refuse', why: 'insecure', known: '', found: '' });
			return;
		}
		await sealReady();
		this.device = await deviceKey().catch(() => newKeyPair());
		await this.findCluster();
	}

	async findCluster(): Promise<void> {
		if (this.retryCluster) clearTimeout(this.retryCluster);
		this.retryCluster = null;
		let found: Cluster | null = null;
		try {
			const reply = await fetch('/cluster.json', { cache: 'no-store' });
			found = reply.ok ? readCluster(await reply.json()) : null;
		} catch {
			found = null;
		}
		if (!found) {
			this.dispatch({ a: 'refuse', why: 'no_cluster', known: '', found: '' });
			this.retryCluster = setTimeout(() => void this.findCluster(), CLUSTER_RETRY_MS);
			return;
		}
		const known = loadPin(localStorage);
		this.foundCluster = found;
		if (checkPin(known, found) === 'changed') {
			this.dispatch({
				a: 'refuse', why: 'key_changed', known: known?.signPub ?? '', found: found.signPub,
			});
			return;
		}
		this.accepted(found);
	}

	/** The person compared the new key with what the administrator gave them. */
	trustNewKey(tail: string): boolean {
		const found = this.foundCluster;
		if (!found || tail.trim().toLowerCase() !== found.signPub.slice(-8)) return false;
		saveTicket(null); // of the cluster before
		this.accepted(found);
		return true;
	}

	private accepted(cluster: Cluster): void {
		savePin(localStorage, cluster);
		const ticket = loadTicket();
		this.dispatch({
			a: 'cluster', cluster,
			known: ticket && { name: ticket.name, display: ticket.display },
		});
		if (ticket && tabWasAtDesk()) this.signIn({ ticket: true, again: true });
	}

	// ---- signing in and out ----

	signIn(credentials: Credentials): void {
		const cluster = this.state.cluster;
		if (!cluster || !this.device || this.state.signin.busy) return;
		this.unlock();
		this.credentials = credentials;
		this.dispatch({ a: 'signin' });
		this.armSignin();
		void this.mic.open(this.prefs.mic);
		this.link?.close();
		const own = `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}`;
		this.link = new Link({
			doors: [own, ...cluster.gateways.filter((url) => url !== own)],
			cluster: cluster.cluster,
			clusterPub: fromHex(cluster.signPub),
			device: this.device,
			site: () => loadTicket()?.site ?? '',
			talking: () => inCall(this.state),
			legDown: () => this.state.leg.status === 'down',
			home: () => ('ticket' in (this.credentials ?? {}) ? loadTicket()?.node ?? '' : this.deniedBy),
			events: {
				phase: (phase, attempt, retryMs) => this.onLink(phase, attempt, retryMs),
				message: (m) => this.onMessage(m),
				rtt: (rttMs) => this.dispatch({ a: 'rtt', rttMs }),
				refused: () => {
					this.disarmSignin();
					this.dispatch({ a: 'refuse', why: 'certificate', known: '', found: '' });
				},
			},
		});
		this.link.open();
	}

	signOut(): void {
		this.wrapUp.save(false);
		this.link?.send({ t: 'signout' });
		this.leave(null);
		void forgetDevice().then(deviceKey).then((key) => {
			this.device = key;
		}).catch(() => undefined);
	}

	/** From another tab's desk back to this one. */
	useHere(): void {
		this.dispatch({ a: 'signed_out', known: this.state.known, why: '' });
		this.signIn({ ticket: true, again: false });
	}

	private leave(known: State['known'], why = ''): void {
		// What was just said must leave before the door shuts: WebSocket.close() sends what is queued.
		this.link?.close();
		this.link = null;
		this.leg.close();
		this.mic.close();
		saveTicket(null);
		this.credentials = null;
		this.wall.clear();
		this.dispatch({ a: 'signed_out', known, why });
	}

	private armSignin(): void {
		this.disarmSignin();
		this.signinTimer = setTimeout(() => this.failSignin('link', 0), SIGNIN_MAX_MS);
	}
	private disarmSignin(): void {
		if (this.signinTimer) clearTimeout(this.signinTimer);
		this.signinTimer = null;
	}
	private failSignin(why: string, retryMs: number): void {
		this.disarmSignin();
		this.link?.close();
		this.link = null;
		this.leg.close();
		this.mic.close();
		this.dispatch({ a: 'signin_failed', why, retryMs });
	}

	private onLink(phase: Link['phase'], attempt: number, retryMs: number): void {
		// A sealed link is not yet a desk: that is open when the node has welcomed us back.
		const status = phase === 'sealed' ? 'connecting' : phase;
		// Sound stands still and the line is gone as well: the way to the node is.
		if (phase === 'lost' && this.state.call && this.stall.standing) this.onLeg('down', 'path');
		this.dispatch({ a: 'link', status, attempt, retryMs });
		if (phase === 'lost' && this.state.phase === 'signin' && attempt >= 2)
			this.failSignin('link', 0);
		if (phase !== 'sealed' || !this.credentials) return;
		const lang = this.prefs.lang;
		const ticket = loadTicket();
		if ('ticket' in this.credentials) {
			if (!ticket) {
				this.failSignin('ticket', 0);
				return;
			}
			const { again } = this.credentials;
			this.link?.send({
				t: 'resume', ticket: ticket.ticket, session: again ? tabSession() : ticket.session,
				audio: 'webrtc', lang, keep_rtc: this.leg.up && this.state.leg.status === 'up', again,
				ready: wantsCalls(this.state) && !keepsNote(this.state),
				talking: inCall(this.state),
			});
		} else {
			const { name, password } = this.credentials;
			this.link?.send({ t: 'login', name, password, audio: 'webrtc', lang });
		}
	}

	private onMessage(m: FromNode): void {
		if (m.t === 'wall') {
			this.wall.take(m, this.now());
			return;
		}
		if (m.t === 'move') {
			// The node empties itself: any other one takes us in, with the same ticket.
			const ticket = loadTicket();
			if (this.state.phase !== 'desk' || !ticket) return;
			saveTicket({ ...ticket, node: '' });
			this.link?.renew();
			return;
		}
		if (m.t === 'force_done') {
			this.wall.forced(m);
			return;
		}
		if (m.t === 'denied') {
			if (m.why === 'ticket') saveTicket(null);
			// A full or leaving node is no reason to throw somebody out of a desk: try the next one.
			if (this.state.phase === 'desk' && (m.why === 'draining' || m.why === 'full')) {
				this.link?.renew();
				return;
			}
			this.deniedBy = m.why === 'credentials' || m.why === 'locked' ? this.link?.node ?? '' : '';
			this.failSignin(m.why || 'unknown', m.retryMs);
			return;
		}
		if (m.t === 'welcome') this.onWelcome(m);
		this.dispatch({ a: 'message', m });
		if (m.t === 'welcome') {
			this.dispatch({ a: 'link', status: 'open', attempt: 0, retryMs: 0 });
			this.dispatch({ a: 'today', today: loadToday(m.agent.name) });
			this.wall.welcomed();
			this.wrapUp.save(false); // what the node before did not take
			if (this.state.call?.muted) this.link?.send({ t: 'mute', on: true });
		}
		if (this.state.phase === 'taken_over') {
			this.disarmSignin();
			this.link?.close();
			this.leg.close();
			this.mic.close();
			leaveTab();
		}
		if (m.t === 'state' && m.state === 'off' && this.state.phase === 'desk')
			this.leave(null, m.ended && `ended_${m.ended}`);
	}

	private onWelcome(m: Welcome): void {
		this.disarmSignin();
		this.credentials = { ticket: true, again: true }; // the password is not kept
		this.deniedBy = '';
		saveTicket({
			ticket: m.ticket, session: m.session, node: m.node, name: m.agent.name,
			display: m.agent.display, site: m.agent.site, until: Date.now() + m.ticketMs,
		});
		if (!m.sdp) return;
		this.dispatch({ a: 'leg', status: 'connecting', why: '' });
		const link = this.link;
		this.leg.answer(m.sdp).then(
			(sdp) => {
				link?.send({ t: 'rtc.answer', sdp });
			},
			(e: unknown) => this.dispatch({
				a: 'leg', status: 'down', why: e instanceof Error ? e.message : '',
			}),
		);
		void this.leg.setSpeaker(this.prefs.speaker);
	}

	// ---- what a person does ----

	ready(): void {
		if (readyBlock(this.state)) return;
		const state = this.state.desk.state;
		if (state !== 'not_ready' && !this.state.afterCall) return;
		if (this.prefs.notify) this.notifier.ask();
		if (this.tell({ t: 'ready' })) this.dispatch({ a: 'intent', what: 'ready' });
	}
	pause(reason: PauseReason): void {
		if (this.tell({ t: 'pause', reason }))
			this.dispatch({ a: 'intent', what: 'pause', reason });
	}
	accept(): void {
		const ring = this.state.ring;
		if (!ring || this.state.pending.what) return;
		if (this.tell({ t: 'accept', offer: ring.offer }))
			this.dispatch({ a: 'intent', what: 'accept' });
	}
	reject(): void {
		const ring = this.state.ring;
		if (!ring || this.state.pending.what) return;
		if (this.tell({ t: 'reject', offer: ring.offer }))
			this.dispatch({ a: 'intent', what: 'reject' });
	}
	hangup(): void {
		const call = this.state.call;
		if (!call || this.state.pending.what) return;
		if (this.tell({ t: 'hangup', offer: call.offer }))
			this.dispatch({ a: 'intent', what: 'hangup' });
	}
	/** A press that could not be sent is said, never swallowed. */
	private tell(message: ToNode): boolean {
		if (this.state.link.status === 'open' && this.link?.send(message)) return true;
		this.dispatch({ a: 'notice', kind: 'info', key: 'no_link' });
		return false;
	}
	/** Muted here at once, whatever the line does; the node is told so that it stops the audio too. */
	mute(on: boolean): void {
		if (!this.state.call) return;
		this.mic.mute(on);
		this.dispatch({ a: 'mute', on });
		this.link?.send({ t: 'mute', on });
	}

	setPrefs(change: Partial<Prefs>): void {
		const before = this.prefs;
		this.prefs = { ...before, ...change };
		savePrefs(this.prefs);
		if (before.lang !== this.prefs.lang) this.speaker = speaker(this.prefs.lang as Lang);
		if (before.mic !== this.prefs.mic && this.state.phase === 'desk')
			void this.mic.open(this.prefs.mic);
		if (before.speaker !== this.prefs.speaker) void this.leg.setSpeaker(this.prefs.speaker);
		if (before.ring !== this.prefs.ring) void this.ringer.setDevice(this.prefs.ring);
		this.ringer.volume = this.prefs.volume;
		this.drawRoot();
		for (const listener of this.listeners) listener();
	}

	/** For the test before the first call. */
	lineCounters(): Promise<LegCounters | null> {
		return this.leg.counters().catch(() => null);
	}

	unlock(): void {
		this.ringer.unlock();
		this.meter.unlock();
		if (this.legBlocked) void this.leg.play();
	}

	// ---- what a changed state asks for ----

	private onChange(before: State, after: State): void {
		if (after.ring && before.ring?.offer !== after.ring.offer) {
			this.ringer.start();
			this.notifier.ring(after, this.speaker);
		}
		if ((!after.ring || after.pending.what === 'accept') && before.ring) {
			this.ringer.stop();
			this.notifier.quiet();
		}
		if (before.call && !after.call) this.mic.mute(false);
		if (after.call && after.call.offer && before.call?.offer !== after.call.offer) {
			const ageMs = loadCallAge(after.call.offer);
			if (ageMs) this.dispatch({ a: 'call_since', ageMs });
			else saveCallStart(after.call.offer, this.now() - after.call.since);
		}
		this.wrapUp.changed(before.wrap, after.wrap);
		if (before.noting?.ready && !after.noting && !before.afterCall && after.desk.state === 'not_ready' && !readyBlock(after))
			this.link?.send({ t: 'ready' });
		if (before.leg.status !== 'down' && after.leg.status === 'down') this.legDownAt = this.now();
		if (after.today !== before.today && after.session)
			saveToday(after.session.agent.name, after.today);
		// A ready agent without a microphone would greet callers with silence.
		const broken = after.mic.status !== 'ok' && after.mic.status !== 'asking';
		if (before.mic.status === 'ok' && broken && after.desk.state === 'idle') {
			this.pause('device');
			this.dispatch({ a: 'notice', kind: 'warn', key: 'mic_paused' });
		}
		this.drawRoot();
	}

	private drawRoot(): void {
		const root = document.documentElement;
		const s = this.state;
		root.dataset.state = pageState(s);
		root.dataset.link = s.link.status;
		root.dataset.leg = s.leg.status;
		root.dataset.mic = s.mic.status;
		root.lang = this.prefs.lang;
		const dark = this.prefs.theme === 'dark'
			|| (this.prefs.theme === 'auto' && matchMedia('(prefers-color-scheme: dark)').matches);
		root.dataset.theme = dark ? 'dark' : 'light';
		this.notifier.draw(s, this.speaker);
	}

	private onLeg(status: 'up' | 'down' | 'none' | 'connecting', why: string): void {
		// "up" is the node's to say (media.up): both ends must have it. "down" may be said by either.
		if (status !== 'down') return;
		this.dispatch({ a: 'leg', status, why });
	}

	private sayBlocked(): void {
		this.dispatch({ a: 'sound_blocked', on: this.legBlocked || this.meter.blocked });
	}

	private onSecond(): void {
		this.dispatch({ a: 'tick' });
		if (this.state.phase === 'desk') this.sayBlocked();
		const s = this.state;
		const now = this.now();
		if (s.leg.status === 'down' && (!this.leg.up || now - this.legDownAt > ONE_WAY_MS)) this.legAnew();
		const peak = s.mic.status === 'ok' && !s.call?.muted ? this.meter.peak() : null;
		if (peak === null || peak > SILENT_PEAK) {
			this.silentSince = now;
			this.dispatch({ a: 'mic_silent', on: false });
		} else if (now - this.silentSince > SILENT_AFTER_MS) {
			this.dispatch({ a: 'mic_silent', on: true });
		}
	}

	/** The leg is gone while the link is fine: a resume without keep_rtc makes the node offer anew. */
	private legAnew(): void {
		const s = this.state;
		if (s.phase !== 'desk' || s.link.status !== 'open' || this.now() - this.relegAt <= RELEG_MS) return;
		this.relegAt = this.now();
		this.leg.close();
		this.link?.renew();
	}

	/** Talking, and nothing comes: the line is asked at once, and another door tried if it does not answer.
	 * No way to the node at all: another leg is asked for. */
	private async lookAtLeg(): Promise<void> {
		const s = this.state;
		const talks = s.call !== null;
		if (s.phase !== 'desk' || (!talks && ++this.looks % IDLE_LOOKS)) return;
		const vital = await this.leg.vital().catch(() => null);
		if (this.stall.stalled(talks && vital ? vital.packets : null, this.now())) this.link?.probe(true);
		if (!this.path.gone(vital, this.now())) return;
		this.onLeg('down', 'path');
		// Another leg only through a line that is known to live: the whole machine may be gone.
		if ((this.link?.heardAt ?? 0) > this.path.heardAt + OUTLIVED_MS) this.legAnew();
		else this.link?.probe(talks);
	}

	private async onFigures(): Promise<void> {
		this.figures = await this.leg.figures().catch(() => null);
		if (this.state.call) this.dispatch({ a: 'ear', ear: this.figures });
	}
}
