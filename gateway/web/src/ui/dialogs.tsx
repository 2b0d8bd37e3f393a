import { useEffect, useState } from 'preact/hooks';
import { canChooseOutput, listDevices, type Devices } from '../media/devices';
import { useView } from './context';
import { SpeakerIcon } from './icons';
import { Button, Dialog, LanguagePicker, Meter } from './parts';

export function SoundDialog({ onClose }: { onClose: () => void }) {
	const { app, s, t, find } = useView();
	const [devices, setDevices] = useState<Devices>({ inputs: [], outputs: [] });
	useEffect(() => {
		const read = (): void => void listDevices().then(setDevices);
		read();
		navigator.mediaDevices?.addEventListener('devicechange', read);
		return () => navigator.mediaDevices?.removeEventListener('devicechange', read);
	}, [s.mic.status]);
	const choices = (list: Devices['inputs'], wanted: string) => {
		const known = list.some((d) => d.id === wanted) ? wanted : '';
		return {
			value: known,
			options: [
				<option value="">{t('settings.default')}</option>,
				...list.map((d, i) => (
					<option value={d.id}>{d.label || t('settings.nth', { n: i + 1 })}</option>
				)),
			],
		};
	};
	const mic = choices(devices.inputs, app.prefs.mic);
	const speaker = choices(devices.outputs, app.prefs.speaker);
	const ring = choices(devices.outputs, app.prefs.ring);
	const denied = 'Notification' in window && Notification.permission === 'denied';
	return (
		<Dialog id="sound" title={t('settings.title')} onClose={onClose}>
			<label class="field">
				<span>{t('settings.mic')}</span>
				<select data-testid="mic-device" value={mic.value}
					onChange={(e) => app.setPrefs({ mic: e.currentTarget.value })}>{mic.options}</select>
			</label>
			{s.mic.status === 'ok' ? (
				<Meter label={t('settings.speak')} off={false} />
			) : (
				<p class="error-text">
					{find(`block.mic_${s.mic.status}`)} {find(`mic.${s.mic.status}.remedy`)}
				</p>
			)}
			{canChooseOutput() ? (
				<>
					<label class="field">
						<span>{t('settings.speaker')}</span>
						<select data-testid="speaker-device" value={speaker.value}
							onChange={(e) => app.setPrefs({ speaker: e.currentTarget.value })}>
							{speaker.options}
						</select>
					</label>
					<label class="field">
						<span>{t('settings.ring')}</span>
						<select data-testid="ring-device" value={ring.value}
							onChange={(e) => app.setPrefs({ ring: e.currentTarget.value })}>
							{ring.options}
						</select>
					</label>
				</>
			) : <p class="soft">{t('settings.no_sink')}</p>}
			<div class="volume">
				<label class="field">
					<span>{t('settings.volume')}</span>
					<input type="range" min="0" max="100" step="5" data-testid="ring-volume"
						value={Math.round(app.prefs.volume * 100)}
						onInput={(e) => app.setPrefs({ volume: Number(e.currentTarget.value) / 100 })} />
				</label>
				<Button id="ring-test" icon={<SpeakerIcon size={20} />}
					onClick={() => app.ringer.chime()}>
					{t('do.test')}
				</Button>
			</div>
			<label class="check">
				<input type="checkbox" checked={app.prefs.notify} data-testid="notify"
					onChange={(e) => app.setPrefs({ notify: e.currentTarget.checked })} />
				<span>{t('settings.notify')}</span>
			</label>
			{denied && <p class="soft">{t('settings.notify_denied')}</p>}
			<div class="narrow-only"><LanguagePicker labelled /></div>
		</Dialog>
	);
}

export function KeysDialog({ onClose }: { onClose: () => void }) {
	const { app, t } = useView();
	const rows: [string, string][] = [
		['R', t('keys.ready')],
		[`A, ${t('keys.enter')}`, t('keys.answer')],
		['X', t('do.reject')],
		['M', `${t('do.mute')} / ${t('do.unmute')}`],
		['H', t('do.hangup')],
		['1 – 6', t('keys.outcome')],
		[`F, Ctrl ${t('keys.enter')}`, t('do.finish')],
		['S', t('keys.sound')],
		['T', t('test.title')],
		['?', t('keys.help')],
	];
	return (
		<Dialog id="keys" title={t('keys.title')} onClose={onClose}>
			<dl class="key-list">
				{rows.map(([key, what]) => (
					<div key={key}><dt><kbd>{key}</kbd></dt><dd>{what}</dd></div>
				))}
			</dl>
			<label class="check">
				<input type="checkbox" checked={app.prefs.keys} data-testid="keys-enable"
					onChange={(e) => app.setPrefs({ keys: e.currentTarget.checked })} />
				<span>{t('keys.enable')}</span>
			</label>
		</Dialog>
	);
}

export function SignoutDialog({ onClose }: { onClose: () => void }) {
	const { app, s, t } = useView();
	return (
		<Dialog id="signout-dialog" title={t('signout.title')} onClose={onClose}
			footer={(
				<>
					<Button id="signout-cancel" onClick={onClose}>{t('do.cancel')}</Button>
					<Button id="signout-confirm" kind={s.call ? 'bad' : 'solid'} focus
						onClick={() => app.signOut()}>
						{t('do.signout')}
					</Button>
				</>
			)}>
			<p>{t(s.call ? 'signout.call' : 'signout.text')}</p>
		</Dialog>
	);
}
