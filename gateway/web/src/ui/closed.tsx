// The screens of a desk that is not open: refused, taken over, loading.
import { useState } from 'preact/hooks';
import { useView } from './context';
import { AlertIcon, Logo, PeopleIcon } from './icons';
import { Button, LanguagePicker, ThemeButton } from './parts';

const spaced = (key: string): string => key.replace(/(.{8})(?=.)/g, '$1 ');

export function Refused() {
	const { app, s, t } = useView();
	const [tail, setTail] = useState('');
	const [mismatch, setMismatch] = useState(false);
	const why = s.refused?.why ?? 'no_cluster';
	return (
		<main class="entry">
			<div class="entry-top"><LanguagePicker /><ThemeButton /></div>
			<section class="entry-card" data-testid="refused" data-why={why}>
				<div class="brand"><Logo size={56} /><span class="brand-name">{t('app.title')}</span></div>
				<h1>{t('refused.title')}</h1>
				<div class="banner bad" role="alert">
					<AlertIcon size={22} />
					<div>
						<p>{t(`refused.${why}`)}</p>
						<p class="strong">{t(`refused.${why}.remedy`)}</p>
					</div>
				</div>
				{why === 'key_changed' && s.refused && (
					<form class="keys-compare" onSubmit={(e) => {
						e.preventDefault();
						setMismatch(!app.trustNewKey(tail));
					}}>
						<dl>
							<dt>{t('refused.known')}</dt><dd><code>{spaced(s.refused.known)}</code></dd>
							<dt>{t('refused.found')}</dt><dd><code>{spaced(s.refused.found)}</code></dd>
						</dl>
						<label class="field">
							<span>{t('refused.enter')}</span>
							<input data-testid="key-tail" value={tail} maxLength={8} autocomplete="off"
								spellcheck={false} aria-invalid={mismatch}
								onInput={(e) => setTail(e.currentTarget.value)} />
						</label>
						{mismatch && <p role="alert" class="error-text">{t('refused.mismatch')}</p>}
						<button type="submit" class="button plain wide" data-testid="key-accept">
							<span class="button-text">{t('refused.accept')}</span>
						</button>
					</form>
				)}
				{why !== 'key_changed' && why !== 'insecure' && (
					<Button id="refused-retry" kind="solid" big class="wide"
						onClick={() => void app.findCluster()}>
						{t('refused.retry')}
					</Button>
				)}
			</section>
		</main>
	);
}

export function TakenOver() {
	const { app, t } = useView();
	return (
		<main class="entry">
			<div class="entry-top"><LanguagePicker /><ThemeButton /></div>
			<section class="entry-card" data-testid="taken-over" role="alert">
				<div class="brand"><PeopleIcon size={48} /></div>
				<h1>{t('taken.title')}</h1>
				<p class="lead">{t('taken.text')}</p>
				<Button id="use-here" kind="solid" big class="wide" focus onClick={() => app.useHere()}>
					{t('taken.here')}
				</Button>
			</section>
		</main>
	);
}

export function Loading() {
	const { t } = useView();
	return (
		<main class="entry">
			<div class="loading" data-testid="loading"><Logo size={64} /><p>{t('app.loading')}</p></div>
		</main>
	);
}
