// "Test your sound": speak, hear yourself, and see what the line to the node is like.
import { useEffect, useRef, useState } from 'preact/hooks';
import { lineBetween, RECORD_MS, VoiceTest, voiceVerdict, type VoiceVerdict } from '../media/selftest';
import { qualityOf, type LineFigures } from '../derive';
import { useNow, useView } from './context';
import { AlertIcon, BarsIcon, CheckIcon, MicIcon } from './icons';
import { Button, Dialog, Meter } from './parts';

/** The node reports what it hears every 2.5 s: long enough for two of its words. */
const LINE_MS = 6000;
const PEAK_EVERY_MS = 40;

export function SoundTestDialog({ onClose, onDevices }: { onClose: () => void; onDevices: () => void }) {
	const { t } = useView();
	return (
		<Dialog id="sound-test" title={t('test.title')} onClose={onClose}
			footer={<Button id="test-devices" kind="quiet" onClick={onDevices}>{t('test.devices')}</Button>}>
			<Voice />
			<Line />
		</Dialog>
	);
}

type Step = { step: 'idle' | 'recording' | 'playing' | 'failed' } | { step: 'done'; verdict: VoiceVerdict };

function Voice() {
	const { app, s, t, find } = useView();
	const [now, setNow] = useState<Step>({ step: 'idle' });
	const [endsAt, setEndsAt] = useState(0);
	const test = useRef<VoiceTest | null>(null);
	const clock = useNow(app, 1000, endsAt);
	useEffect(() => () => {
		test.current?.cancel();
		test.current = null;
	}, []);
	const run = async (): Promise<void> => {
		const stream = app.mic.stream;
		if (!stream || test.current) return;
		const voice = new VoiceTest();
		test.current = voice;
		const peaks: number[] = [];
		const look = setInterval(() => {
			peaks.push(app.meter.peak() ?? 0);
		}, PEAK_EVERY_MS);
		const show = (step: Step): void => {
			if (test.current === voice) setNow(step);
		};
		try {
			setEndsAt(app.now() + RECORD_MS);
			show({ step: 'recording' });
			const sound = await voice.record(stream).finally(() => clearInterval(look));
			const verdict = voiceVerdict(peaks);
			if (verdict !== 'silent') {
				show({ step: 'playing' });
				await voice.play(sound, app.prefs.speaker);
			}
			show({ step: 'done', verdict });
		} catch {
			show({ step: 'failed' });
		}
		if (test.current === voice) test.current = null;
	};
	const busy = now.step === 'recording' || now.step === 'playing';
	let word = '';
	if (now.step === 'recording')
		word = t('test.recording', { time: app.speaker.length(Math.max(0, Math.ceil((endsAt - clock) / 1000) * 1000)) });
	else if (now.step === 'playing') word = t('test.playing');
	else if (now.step === 'failed') word = t('test.failed');
	else if (now.step === 'done') word = t(`test.${now.verdict}`);
	const good = now.step === 'done' && now.verdict === 'good';
	return (
		<section class="test-part" aria-labelledby="test-voice">
			<h3 id="test-voice">{t('test.voice')}</h3>
			{s.mic.status !== 'ok' ? (
				<p class="error-text" data-testid="test-mic">
					{find(`block.mic_${s.mic.status}`)} {find(`mic.${s.mic.status}.remedy`)}
				</p>
			) : (
				<>
					<p>{t('test.voice.text')}</p>
					<Meter label={s.mic.label || t('call.level')} off={false} />
					<Button id="test-record" kind="solid" big icon={<MicIcon />} busy={busy} focus
						onClick={() => void run()}>
						{t('test.record')}
					</Button>
				</>
			)}
			<div class={`test-word${good ? ' good' : now.step === 'done' || now.step === 'failed' ? ' bad' : ''}`}
				role="status" data-testid="test-voice-word"
				data-step={now.step === 'done' ? now.verdict : now.step}>
				{word && (good ? <CheckIcon size={22} /> : !busy && <AlertIcon size={22} />)}
				{word && <p>{word}</p>}
			</div>
		</section>
	);
}

function Line() {
	const { app, s, t } = useView();
	const [round, setRound] = useState(0);
	const [line, setLine] = useState<LineFigures | null>(null);
	const up = s.leg.status === 'up';
	useEffect(() => {
		setLine(null);
		if (!up) return undefined;
		let gone = false;
		let timer: ReturnType<typeof setTimeout>;
		void app.lineCounters().then((from) => {
			if (gone || !from) return;
			timer = setTimeout(() => void app.lineCounters().then((to) => {
				if (!gone && to) setLine(lineBetween(from, to, app.state.link.rttMs));
			}), LINE_MS);
		});
		return () => {
			gone = true;
			clearTimeout(timer);
		};
	}, [up, round]);
	const mark = line && qualityOf(line);
	const filled = { good: 4, fair: 3, poor: 1 } as const;
	return (
		<section class="test-part" aria-labelledby="test-line">
			<h3 id="test-line">{t('test.line')}</h3>
			<div role="status" data-testid="test-line" data-quality={mark ?? (up ? 'measuring' : 'none')}>
				{!up && <p>{t('test.line.none')}</p>}
				{up && !line && (
					<p class="test-word"><span class="spinner" aria-hidden="true" />{t('test.measuring')}</p>
				)}
				{up && line && mark && (
					<>
						<p class={`link-mark ${mark}`}><BarsIcon filled={filled[mark]} /> {t(`link.${mark}`)}</p>
						<p>{t(`test.line.${mark}`)}</p>
						<p class="soft" data-testid="test-line-facts">
							{[
								...(line.rttMs >= 0 ? [t('link.rtt', { ms: Math.max(1, line.rttMs) })] : []),
								t('link.loss', { percent: app.speaker.percent(line.lossPermille) }),
								t('link.jitter', { ms: line.jitterMs }),
							].join(' · ')}
						</p>
					</>
				)}
			</div>
			{up && line && (
				<Button id="test-again" kind="plain" onClick={() => setRound(round + 1)}>{t('test.again')}</Button>
			)}
		</section>
	);
}
