// A supervisor decides somebody's state. The node says what came of it; the row shows it too.
import { useEffect, useState } from 'preact/hooks';
import { useView } from '../ui/context';
import { Button, Dialog } from '../ui/parts';
import type { Person } from './model';

export function ForceDialog({ p, onClose }: { p: Person; onClose: () => void }) {
	const { app, t } = useView();
	const [done, setDone] = useState(app.wall.done);
	useEffect(() => app.wall.subscribe(() => setDone(app.wall.done)), [app]);
	const mine = done && done.agent === p.name ? done : null;
	const busy = p.state === 'talking' || p.state === 'ringing' || p.state === 'committed';
	return (
		<Dialog id="force" title={p.display} onClose={onClose}>
			<p>{t(`wall.state.${p.state}` as 'wall.state.idle')} · <span class="place">{p.site}</span></p>
			<div class="force-choices">
				<Button id="force-ready" onClick={() => app.wall.force(p.name, 'ready')}>{t('wall.force.ready')}</Button>
				<Button id="force-not-ready" onClick={() => app.wall.force(p.name, 'not-ready')}>{t('wall.force.not-ready')}</Button>
				{busy && (
					<Button id="force-release" kind="bad" onClick={() => app.wall.force(p.name, 'release')}>{t('wall.force.release')}</Button>
				)}
			</div>
			<p role="status" data-testid="force-done" data-ok={mine ? String(mine.ok) : ''} class={mine && !mine.ok ? 'error-text' : 'soft'}>
				{mine ? (mine.ok ? t('wall.force.done') : t('wall.force.failed')) : t('wall.force.hint')}
				{mine && !mine.ok && mine.why && <span class="soft" lang="en"> ({mine.why})</span>}
			</p>
		</Dialog>
	);
}
