// The side panel: what waits, and what the day was so far. Read at a glance, never in the way.
import type { Queue } from '../state';
import { useNow, useView } from './context';

export function Side() {
	const { app, s, t } = useView();
	const today = s.today;
	const calls = today.answered;
	const { length, number } = app.speaker;
	const figures: [string, string, string][] = [
		['answered', t('today.answered'), number(calls)],
		['missed', t('today.missed'), number(today.missed)],
		['rejected', t('today.rejected'), number(today.rejected)],
		['talk', t('today.talk'), today.talkMs ? length(today.talkMs) : '–'],
		['average', t('today.average'), calls && today.talkMs ? length(today.talkMs / calls) : '–'],
	];
	return (
		<aside class="side">
			<section class="panel" aria-labelledby="queues-title">
				<h2 id="queues-title">{t('queues.title')}</h2>
				{s.queues.length === 0 ? <p class="soft">{t('queues.none')}</p> : (
					<ul class="queues" data-testid="queues">
						{s.queues.map((q) => <QueueRow key={q.name} q={q} />)}
					</ul>
				)}
			</section>
			<section class="panel" aria-labelledby="today-title">
				<h2 id="today-title">{t('today.title')}</h2>
				<dl class="today" data-testid="today">
					{figures.map(([id, label, value]) => (
						<div key={id}><dt>{label}</dt><dd data-testid={`today-${id}`}>{value}</dd></div>
					))}
				</dl>
			</section>
		</aside>
	);
}

function QueueRow({ q }: { q: Queue }) {
	const { app, s, t } = useView();
	const free = q.idle > 0 ? t('queues.idle', { n: q.idle })
		: t(s.desk.state === 'idle' ? 'queues.only_you' : 'queues.none_free');
	// Figures come when they change: in between, a wait grows by our own clock.
	const now = useNow(app, 1000, q.at);
	const longest = q.longestMs + Math.max(0, now - q.at);
	return (
		<li class={q.waiting > 0 ? 'busy' : ''} data-testid={`queue-${q.name}`}>
			<span class="queue-name">{q.display}</span>
			<span class="queue-waiting">
				{q.at === 0 ? '–' : q.waiting > 0 ? t('queues.waiting', { n: q.waiting }) : t('queues.nobody')}
			</span>
			<span class="queue-more">{q.at > 0 && free}</span>
			{q.waiting > 0 && (
				<span class="queue-longest">
					{t('queues.longest', { time: app.speaker.clock(longest) })}
				</span>
			)}
		</li>
	);
}
