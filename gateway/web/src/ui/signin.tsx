import { useEffect, useRef, useState } from 'preact/hooks';
import { useNow, useView } from './context';
import { AlertIcon, EyeIcon, EyeOffIcon, LockIcon, Logo } from './icons';
import { Button, LanguagePicker, ThemeButton } from './parts';

export function SignIn() {
	const { app, s, t } = useView();
	const [name, setName] = useState(s.known?.name ?? '');
	const [password, setPassword] = useState('');
	const [shown, setShown] = useState(false);
	const [caps, setCaps] = useState(false);
	const [missing, setMissing] = useState<'name' | 'password' | null>(null);
	const nameField = useRef<HTMLInputElement>(null);
	const passwordField = useRef<HTMLInputElement>(null);
	const busy = s.signin.busy;
	const site = s.cluster?.site ?? '';

	useEffect(() => {
		(name ? passwordField : nameField).current?.focus();
	}, []);
	useEffect(() => {
		if (s.signin.why === 'credentials') passwordField.current?.select();
	}, [s.signin.why, busy]);

	const submit = (event: Event): void => {
		event.preventDefault();
		if (busy) return;
		if (!name.trim()) {
			setMissing('name');
			nameField.current?.focus();
			return;
		}
		if (!password) {
			setMissing('password');
			passwordField.current?.focus();
			return;
		}
		setMissing(null);
		app.signIn({ name: name.trim().toLowerCase(), password });
	};
	const bad = missing !== null || s.signin.why === 'credentials';
	return (
		<main class="entry">
			<div class="entry-top">
				<LanguagePicker />
				<ThemeButton />
			</div>
			<form class="entry-card" onSubmit={submit} noValidate data-testid="signin">
				<div class="brand">
					<Logo size={56} />
					<span class="brand-name">{t('app.title')}</span>
				</div>
				<h1>{t('signin.title')}</h1>
				<p class="lead">{t('signin.lead')}</p>
				{s.known && (
					<div class="continue">
						<Button id="continue" kind="solid" big busy={busy && !password}
							onClick={() => app.signIn({ ticket: true, again: false })}>
							{t('signin.continue', { name: s.known.display })}
						</Button>
						<p class="or"><span>{t('signin.or')}</span></p>
					</div>
				)}
				<SigninError missing={missing} />
				<label class="field">
					<span>{t('signin.name')}</span>
					<input ref={nameField} data-testid="name" name="username" autocomplete="username"
						autocapitalize="none" spellcheck={false} value={name} maxLength={64}
						aria-invalid={bad && missing !== 'password'} aria-describedby="signin-error"
						onInput={(e) => setName(e.currentTarget.value)} />
				</label>
				<label class="field" for="password">
					<span>{t('signin.password')}</span>
					<span class="with-button">
						<input ref={passwordField} id="password" data-testid="password" name="password"
							type={shown ? 'text' : 'password'} autocomplete="current-password"
							value={password} maxLength={128} aria-invalid={bad && missing !== 'name'}
							aria-describedby="signin-error"
							onKeyUp={(e) => setCaps(e.getModifierState('CapsLock'))}
							onInput={(e) => setPassword(e.currentTarget.value)} />
						<Button id="show-password" kind="quiet" class="icon-only" pressed={shown}
							label={t(shown ? 'signin.hide' : 'signin.show')}
							icon={shown ? <EyeOffIcon size={20} /> : <EyeIcon size={20} />}
							onClick={() => setShown(!shown)} />
					</span>
				</label>
				{caps && <p class="caps">{t('signin.caps')}</p>}
				<button type="submit" class={`button ${s.known ? 'plain' : 'solid'} big wide`}
					data-testid="signin-submit" aria-busy={busy ? 'true' : undefined}>
					{busy && <span class="spinner" aria-hidden="true" />}
					<span class="button-text">{t(busy ? 'signin.busy' : 'signin.submit')}</span>
				</button>
				<p class="sealed"><LockIcon size={18} /> <span>{t('signin.sealed')}</span></p>
			</form>
			<p class="entry-where">
				{t('signin.where', { cluster: s.cluster?.cluster ?? '', site })}
			</p>
		</main>
	);
}

function SigninError({ missing }: { missing: 'name' | 'password' | null }) {
	const { app, s, t, find } = useView();
	const now = useNow(app, 1000, s.signin.retryAt);
	let text = '';
	if (missing) text = t(missing === 'name' ? 'signin.need_name' : 'signin.need_password');
	else if (s.signin.why) text = find(`denied.${s.signin.why}`) ?? t('denied.unknown');
	const left = s.signin.retryAt - now;
	return (
		<div id="signin-error" role="alert" data-testid="signin-error">
			{text && !s.signin.busy && (
				<div class="banner bad">
					<AlertIcon size={22} />
					<div>
						<p>{text}</p>
						{!missing && s.signin.retryAt > 0 && (
							<p class="strong" data-testid="signin-retry" aria-live="off">
								{left > 0 ? t('denied.retry', { time: app.speaker.length(left + 999) })
									: t('denied.retry_now')}
							</p>
						)}
					</div>
				</div>
			)}
		</div>
	);
}
