// Which cluster this is, and whether it is still the one this browser knows: trust on first use,
// pinned afterwards. The key is not secret; that it stays the same is what matters.
import type { Cluster } from '../state';

const PIN = 'helio.pin';

export interface Pin { cluster: string; signPub: string }
export type PinCheck = 'first' | 'same' | 'changed';

/** null: what the gateway served is not a description of a cluster. */
export function readCluster(value: unknown): Cluster | null {
	if (typeof value !== 'object' || value === null) return null;
	const v = value as Record<string, unknown>;
	if (typeof v.cluster !== 'string' || !/^[a-z][a-z0-9-]{0,30}$/.test(v.cluster)) return null;
	if (typeof v.sign_pub !== 'string' || !/^[0-9a-fA-F]{64}$/.test(v.sign_pub)) return null;
	const sites: Cluster['sites'] = [];
	for (const item of Array.isArray(v.sites) ? (v.sites as unknown[]).slice(0, 64) : []) {
		if (typeof item !== 'object' || item === null) continue;
		const { name, number } = item as Record<string, unknown>;
		if (typeof name === 'string')
			sites.push({ name, number: typeof number === 'number' ? number : 0 });
	}
	const gateways = (Array.isArray(v.gateways) ? (v.gateways as unknown[]) : [])
		.filter((url): url is string => typeof url === 'string' && /^wss?:\/\/[^/]+$/.test(url))
		.slice(0, 16);
	return {
		cluster: v.cluster,
		signPub: v.sign_pub.toLowerCase(),
		site: typeof v.site === 'string' ? v.site : '',
		sites,
		gateways,
	};
}

export function checkPin(known: Pin | null, found: Pin): PinCheck {
	if (!known) return 'first';
	return known.signPub === found.signPub && known.cluster === found.cluster ? 'same' : 'changed';
}

export function loadPin(store: Storage): Pin | null {
	try {
		const v = JSON.parse(store.getItem(PIN) ?? 'null') as Partial<Pin> | null;
		return v && typeof v.cluster === 'string' && typeof v.signPub === 'string'
			? { cluster: v.cluster, signPub: v.signPub } : null;
	} catch {
		return null;
	}
}

export function savePin(store: Storage, pin: Pin): void {
	store.setItem(PIN, JSON.stringify({ cluster: pin.cluster, signPub: pin.signPub }));
}
