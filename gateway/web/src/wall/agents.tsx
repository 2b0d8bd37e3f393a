// Everybody, a thousand of them: a real table of which only the rows in sight exist, with a spacer
// above and below. aria-rowcount and aria-rowindex tell readers about the rest.
import { Component } from 'preact';
import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { useNow, useView, type View } from '../ui/context';
import { AlertIcon } from '../ui/icons';
import { Button } from '../ui/parts';
import { ForceDialog } from './force';
import { CrewLine, DUTY_ICON, DUTY_TONE } from './floor';
import {
	DUTIES, duty, NO_CHOICE, roster, type Choice, type Crew, type Floor, type Item, type Person, type Sort,
} from './model';

const ROW_PX = 48;  // as in wall.css: every row is as high as any other
const SPARE = 12;   // rows kept above and below what is seen; so many rows further, they are drawn anew
const COLUMNS: readonly [Sort, string][] = [
	['name', ''], ['state', ''], ['since', ''], ['site', 'wide-only'], ['queue', 'wide-only'],
];

interface P { floor: Floor; choice: Choice; change: (c: Partial<Choice>) => void }

export function Agents({ floor, choice, change }: P) {
	const { app, t } = useView();
	const { items, people } = useMemo(() => roster(floor, choice), [floor, choice]);
	const [picked, setPicked] = useState('');
	const person = picked ? floor.people.get(picked) : undefined;
	return (
		<section class="agents">
			<div class="agents-head">
				<h2 id="floor-agents">{t('wall.agents')}</h2>
				<p class="soft" role="status" data-testid="agents-count">{t('wall.count', { n: people })}</p>
			</div>
			<Filters floor={floor} choice={choice} change={change} />
			<List key={app.prefs.lang} items={items} floor={floor} choice={choice} change={change} onPick={setPicked} />
			{person && <ForceDialog p={person} onClose={() => setPicked('')} />}
		</section>
	);
}

function Filters({ floor, choice, change }: P) {
	const { t } = useView();
	const sites = useMemo(() => [...floor.sites.keys()].sort(), [floor.sites]);
	const lines = useMemo(() => [...floor.lines.values()].sort((a, b) => a.display.localeCompare(b.display)), [floor.lines]);
	const none = !choice.text && !choice.site && !choice.queue && !choice.duty;
	return (
		<div class="filters" role="search">
			<label class="field">
				<span>{t('wall.search')}</span>
				<input type="search" data-testid="wall-search" value={choice.text} placeholder={t('wall.search_hint')}
					onInput={(e) => change({ text: e.currentTarget.value })} />
			</label>
			<label class="field">
				<span>{t('wall.site')}</span>
				<select data-testid="wall-site" value={choice.site} onChange={(e) => change({ site: e.currentTarget.value })}>
					<option value="">{t('wall.all')}</option>
					{sites.map((s) => <option value={s}>{s}</option>)}
				</select>
			</label>
			<label class="field">
				<span>{t('wall.queue')}</span>
				<select data-testid="wall-queue" value={choice.queue} onChange={(e) => change({ queue: e.currentTarget.value })}>
					<option value="">{t('wall.all')}</option>
					{lines.map((l) => <option value={l.name}>{l.display}</option>)}
				</select>
			</label>
			<label class="field">
				<span>{t('wall.state')}</span>
				<select data-testid="wall-duty" value={choice.duty}
					onChange={(e) => change({ duty: e.currentTarget.value as '' | keyof Crew })}>
					<option value="">{t('wall.all')}</option>
					{DUTIES.map((d) => <option value={d}>{t(`wall.duty.${d}`)}</option>)}
				</select>
			</label>
			<label class="check">
				<input type="checkbox" data-testid="wall-group" checked={choice.grouped}
					onChange={(e) => change({ grouped: e.currentTarget.checked })} />
				<span>{t('wall.group')}</span>
			</label>
			{!none && (
				<Button id="wall-clear" kind="quiet"
					onClick={() => change({ ...NO_CHOICE, sort: choice.sort, down: choice.down, grouped: choice.grouped })}>
					{t('wall.clear')}
				</Button>
			)}
		</div>
	);
}

function List({ items, floor, choice, change, onPick }: P & { items: Item[]; onPick: (name: string) => void }) {
	const view = useView();
	const { app, t } = view;
	const box = useRef<HTMLDivElement>(null);
	const [first, setFirst] = useState(0);
	const [seen, setSeen] = useState(20);
	const now = useNow(app, 1000);
	const look = (): void => {
		const el = box.current;
		if (!el) return;
		setFirst(Math.max(0, Math.floor(el.scrollTop / ROW_PX / SPARE) * SPARE));
		setSeen(Math.ceil(el.clientHeight / ROW_PX) + 1);
	};
	useLayoutEffect(() => {
		look();
		const watch = new ResizeObserver(look);
		if (box.current) watch.observe(box.current);
		return () => watch.disconnect();
	}, []);
	// A shorter list may end above where one stood.
	const from = Math.max(0, Math.min(first, items.length - seen) - SPARE);
	const to = Math.min(items.length, Math.min(first, items.length) + seen + 2 * SPARE);
	return (
		<div class="agents-box" ref={box} tabIndex={0} role="region" aria-labelledby="floor-agents"
			data-testid="agents-box" onScroll={look} style={{ '--rows': items.length || 2 }}>
			<table class="agents-table" aria-rowcount={items.length + 1}>
				<thead>
					<tr aria-rowindex={1}>
						{COLUMNS.map(([sort, more]) => (
							<th key={sort} scope="col" class={`col-${sort} ${more}`}
								aria-sort={choice.sort === sort ? (choice.down ? 'descending' : 'ascending') : 'none'}>
								<button type="button" data-testid={`sort-${sort}`}
									onClick={() => change({ sort, down: choice.sort === sort && !choice.down })}>
									{t(`wall.col.${sort}` as 'wall.col.name')}
									<span class="sort-arrow" aria-hidden="true">
										{choice.sort === sort ? (choice.down ? '▼' : '▲') : ''}
									</span>
								</button>
							</th>
						))}
						<th scope="col" class="col-call wide-only">{t('wall.col.call')}</th>
					</tr>
				</thead>
				<tbody>
					{from > 0 && <Space key="above" rows={from} />}
					{items.slice(from, to).map((item, i) => (item.kind === 'site'
						? <SiteRow key={`site ${item.site}`} item={item} index={from + i + 2} />
						: <PersonRow key={item.person.name} p={item.person} index={from + i + 2} now={now}
							queue={floor.lines.get(item.person.queue)?.display ?? item.person.queue} view={view} onPick={onPick} />))}
					{to < items.length && <Space key="below" rows={items.length - to} />}
				</tbody>
			</table>
			{items.length === 0 && <p class="agents-none soft">{t('wall.nobody')}</p>}
		</div>
	);
}

function Space({ rows }: { rows: number }) {
	return <tr class="space" aria-hidden="true"><td style={{ height: `${rows * ROW_PX}px` }} /></tr>;
}

function SiteRow({ item, index }: { item: Extract<Item, { kind: 'site' }>; index: number }) {
	const { t } = useView();
	return (
		<tr class="site-row" aria-rowindex={index}>
			<th scope="rowgroup" colSpan={3}>
				<span class="place">{item.site}</span> <span class="soft">{t('wall.count', { n: item.n })}</span>
				<CrewLine crew={item.crew} />
			</th>
		</tr>
	);
}

interface PersonProps { p: Person; index: number; now: number; queue: string; view: View; onPick: (name: string) => void }

/** Drawn again only when something in it differs: while the list is scrolled, nothing does. */
class PersonRow extends Component<PersonProps> {
	override shouldComponentUpdate(next: PersonProps): boolean {
		const was = this.props;
		return next.p !== was.p || next.index !== was.index || next.now !== was.now
			|| next.queue !== was.queue || next.view.t !== was.view.t;
	}
	override render({ p, index, now, queue, view: { app, t, find }, onPick }: PersonProps) {
		const what = duty(p.state);
		const Icon = DUTY_ICON[what];
		const why = p.state === 'not_ready' ? find(`wall.reason.${p.reason}`) ?? find(`reason.${p.reason}`) : null;
		return (
			<tr aria-rowindex={index} class={p.heard ? '' : 'old'} data-testid={`agent-${p.name}`} data-state={p.state}>
				<th scope="row" class="col-name">
					<button type="button" class="agent-name" data-testid={`pick-${p.name}`} title={t('wall.force')}
						onClick={() => onPick(p.name)}>{p.display}</button>
					<span class="agent-more narrow-only">{[p.site, queue, p.call].filter(Boolean).join(' · ')}</span>
				</th>
				<td class="col-state">
					<span class={`mark tone ${DUTY_TONE[what]}`}>
						<Icon size={18} />{t(`wall.state.${p.state}` as 'wall.state.idle')}
					</span>
					{why && <span class="agent-why soft">{why}</span>}
					{!p.heard && <span class="mark tone ring"><AlertIcon size={16} />{t('wall.old')}</span>}
				</td>
				<td class="col-since tabular">{app.speaker.clock(now - p.since)}</td>
				<td class="col-site wide-only place" title={p.node}>{p.site}</td>
				<td class="col-queue wide-only">{queue || '–'}</td>
				<td class="col-call wide-only tabular">{p.call || '–'}</td>
			</tr>
		);
	}
}
