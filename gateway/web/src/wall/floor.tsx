// The floor: queues first, readable from across the room; then everybody. Colour never stands alone:
// beside it are an icon and a word.
import type { ComponentChildren } from 'preact';
import { useEffect, useMemo, useState } from 'preact/hooks';
import type { App } from '../app';
import { useNow, useView } from '../ui/context';
import { AlertIcon, CheckIcon, InfoIcon, PauseIcon, PenIcon, PhoneIcon, PhoneInIcon, WaitIcon } from '../ui/icons';
import { Agents } from './agents';
import {
	DUTIES, everybody, NO_CHOICE, queues, servedLevel, waitLevel, type Choice, type Crew, type Floor as Known,
	type Level, type Open, type Row,
} from './model';

export const DUTY_ICON = {
	idle: CheckIcon, ringing: PhoneInIcon, talking: PhoneIcon, wrap: PenIcon, away: PauseIcon,
} as const;
export const DUTY_TONE = {
	idle: 'good', ringing: 'ring', talking: 'talk', wrap: 'wrap', away: 'quiet',
} as const;
const LEVEL_TONE: Record<Level, string> = { good: 'good', warn: 'ring', bad: 'bad', none: 'quiet' };

/** Names of sites are lower case in the configuration, and proper names to people. */
const proper = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);

export function useFloor(): Known {
	const { app } = useView();
	const [floor, setFloor] = useState(app.wall.floor);
	useEffect(() => {
		setFloor(app.wall.floor);
		return app.wall.subscribe(() => setFloor(app.wall.floor));
	}, [app]);
	return floor;
}

/** Its children come first: what is wrong with the line is said here too. */
export function Floor({ children }: { children?: ComponentChildren }) {
	const { app, t } = useView();
	const floor = useFloor();
	const [choice, setChoice] = useState<Choice>(NO_CHOICE);
	useEffect(() => {
		app.wall.look(true);
		return () => app.wall.look(false);
	}, [app]);
	const board = useMemo(() => queues(floor, choice.site), [floor, choice.site]);
	const silent = [...floor.sites.values()].filter((s) => s.heard < s.nodes);
	const change = (c: Partial<Choice>): void => setChoice((was) => ({ ...was, ...c }));
	return (
		<main class="floor" data-testid="floor" data-complete={floor.complete}>
			<h1 class="visually-hidden" id="stage-word" tabIndex={-1}>{t('wall.title')}</h1>
			{children}
			{!floor.complete && (
				<p class="banner" role="status"><span class="spinner" aria-hidden="true" />{t('wall.opening')}</p>
			)}
			<div role="status">
				{silent.map((s) => (
					<div class="banner warn floor-silent" key={s.name} data-testid={`silent-${s.name}`}>
						<AlertIcon size={22} /><div><p>{t('wall.silent', { site: proper(s.name) })}</p></div>
					</div>
				))}
			</div>
			<Totals board={board} floor={floor} />
			<section aria-labelledby="floor-queues">
				<h2 id="floor-queues">{t('wall.queues')}</h2>
				<ul class="board" data-testid="board">
					{board.map((q) => (
						<Card key={q.name} q={q} chosen={choice.queue === q.name}
							onChoose={() => change({ queue: choice.queue === q.name ? '' : q.name })} />
					))}
				</ul>
			</section>
			<Agents floor={floor} choice={choice} change={change} />
		</main>
	);
}

function Totals({ board, floor }: { board: Row[]; floor: Known }) {
	const { app, t } = useView();
	const crew = useMemo(() => everybody(floor), [floor]);
	const waiting = board.reduce((n, q) => n + q.waiting, 0);
	const headAt = Math.min(Infinity, ...board.filter((q) => q.waiting).map((q) => q.headAt));
	const now = useNow(app, 1000, headAt === Infinity ? 0 : headAt);
	return (
		<dl class="totals" data-testid="totals">
			<div class={waiting ? 'tone ring' : 'tone quiet'}>
				<dt><WaitIcon size={22} />{t('wall.waiting')}</dt>
				<dd data-testid="total-waiting">{app.speaker.number(waiting)}</dd>
			</div>
			<div class="tone quiet">
				<dt>{t('wall.longest')}</dt>
				<dd>{waiting ? app.speaker.clock(now - headAt) : '–'}</dd>
			</div>
			{DUTIES.map((d) => {
				const Icon = DUTY_ICON[d];
				return (
					<div key={d} class={`total-duty tone ${crew[d] ? DUTY_TONE[d] : 'quiet'}`}>
						<dt><Icon size={22} />{t(`wall.duty.${d}`)}</dt>
						<dd data-testid={`total-${d}`}>{app.speaker.number(crew[d])}</dd>
					</div>
				);
			})}
		</dl>
	);
}

function Mark({ level, words }: { level: Level; words: string }) {
	return (
		<span class={`mark tone ${LEVEL_TONE[level]}`}>
			{level === 'good' ? <CheckIcon size={18} /> : level === 'none' ? <InfoIcon size={18} /> : <AlertIcon size={18} />}
			{words}
		</span>
	);
}

function Card({ q, chosen, onChoose }: { q: Row; chosen: boolean; onChoose: () => void }) {
	const { app, t } = useView();
	const { clock, length, number, percent } = app.speaker;
	const now = useNow(app, 1000, q.waiting ? q.headAt : 0);
	const wait = waitLevel(q, q.withinMs, now);
	const served = servedLevel(q);
	return (
		<li class={`card tone ${LEVEL_TONE[wait]}`} data-testid={`card-${q.name}`} data-wait={wait} data-served={served}>
			<header class="card-head">
				<h3>
					<button type="button" class="card-name" aria-pressed={chosen ? 'true' : 'false'}
						onClick={onChoose}>{q.display}</button>
				</h3>
				{wait !== 'none' && <Mark level={wait} words={t(`wall.wait.${wait}`)} />}
				{!q.heard && <span class="mark tone ring"><AlertIcon size={18} />{t('wall.old')}</span>}
			</header>
			<HoursLine q={q} />
			<dl class="card-big">
				<div><dt>{t('wall.waiting')}</dt><dd data-testid={`waiting-${q.name}`}>{number(q.waiting)}</dd></div>
				<div><dt>{t('wall.longest')}</dt><dd>{q.waiting ? clock(now - q.headAt) : '–'}</dd></div>
				<div>
					<dt>{t('wall.served')}</dt>
					<dd data-testid={`served-${q.name}`}>{q.servedPct === null ? '–' : percent(Math.round(q.servedPct) * 10)}</dd>
				</div>
			</dl>
			<p class="card-served">
				{served === 'none' ? <span class="soft">{t('wall.none_yet')}</span>
					: <Mark level={served} words={t(`wall.level.${served}`)} />}
				<span class="soft">
					{t('wall.target', { percent: percent(q.targetPct * 10), time: length(q.withinMs) })}
				</span>
			</p>
			<dl class="card-small">
				<div><dt>{t('wall.answered')}</dt><dd>{number(q.answered)}</dd></div>
				<div><dt>{t('wall.abandoned')}</dt><dd data-testid={`abandoned-${q.name}`}>{number(q.abandoned)}</dd></div>
				<div><dt>{t('wall.expected')}</dt><dd data-testid={`expected-${q.name}`}>{q.ewtMs ? `${length(q.ewtMs)} ± ${length(q.ewtErrorMs)}` : '–'}</dd></div>
				<div><dt>{t('wall.average')}</dt><dd>{q.averageWaitMs === null ? '–' : length(q.averageWaitMs)}</dd></div>
			</dl>
			<ul class="card-sites">
				{q.parts.map((p) => (
					<li key={p.site}>
						<span class="card-site">
							<span class="place">{p.site}</span>
							{p.hours && (
								<span class="card-site-hours soft" data-testid={`hours-${q.name}-${p.site}`} data-open={p.hours.open}>
									{openWords(app, p.hours)}
								</span>
							)}
						</span>
						{p.waiting > 0 && (
							<span class="card-site-waiting"><WaitIcon size={16} /><b>{number(p.waiting)}</b><span class="visually-hidden">{t('wall.waiting')}</span></span>
						)}
						<CrewLine crew={p.crew} />
					</li>
				))}
			</ul>
		</li>
	);
}

/** Open or closed, until when; and what nobody covers in the week to come. */
function HoursLine({ q }: { q: Row }) {
	const { app, t } = useView();
	const h = q.hours;
	if (!h) return null;
	return (
		<p class="card-hours" data-testid={`hours-${q.name}`} data-open={h.open}>
			{h.open ? <span>{openWords(app, h)}</span>
				: <span class="mark tone quiet"><PauseIcon size={18} />{openWords(app, h)}</span>}
			{h.site === '' && (
				<span class="soft" data-testid={`gaps-${q.name}`} data-gaps={h.gaps}>
					{h.gaps ? t('wall.hours.gaps', { n: h.gaps, time: app.speaker.length(h.gapsMs) })
						: t('wall.hours.no_gaps')}
				</span>
			)}
		</p>
	);
}

function openWords(app: App, h: Open): string {
	const { t, moment } = app.speaker;
	if (h.changesAt === null) return t(h.open ? 'wall.hours.open' : 'wall.hours.closed');
	const when = moment(new Date(Date.now() + h.changesAt - app.now()));
	return t(h.open ? 'wall.hours.until' : 'wall.hours.opens', { when });
}

/** Free, ringing, talking: three icons with their numbers, said in words to readers. */
export function CrewLine({ crew }: { crew: Crew }) {
	const { app, t } = useView();
	return (
		<span class="crew">
			{(['idle', 'ringing', 'talking'] as const).map((d) => {
				const Icon = DUTY_ICON[d];
				return (
					<span key={d} class={crew[d] ? `crew-n ${DUTY_TONE[d]}` : 'crew-n soft'} title={t(`wall.duty.${d}`)}>
						<Icon size={16} /><b>{app.speaker.number(crew[d])}</b>
						<span class="visually-hidden">{t(`wall.duty.${d}`)}</span>
					</span>
				);
			})}
		</span>
	);
}
