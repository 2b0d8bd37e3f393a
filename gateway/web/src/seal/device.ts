// The device's own key: made once, kept in IndexedDB, never sent. Tickets and sessions are bound to
// it. It lies there as bytes, because libsodium needs them: who can run script in this origin, or
// read the browser's profile, can take it. Signing out with `forgetDevice` ends what it is good for.
import { KEY_LEN, keyPairOf, newKeyPair, type KeyPair } from './sodium';

const DATABASE = 'heliograph-seal';
const STORE = 'device';
const STATIC_KEY = 'static';

function request<T>(r: IDBRequest<T>): Promise<T> {
	return new Promise((resolve, reject) => {
		r.onsuccess = () => resolve(r.result);
		r.onerror = () => reject(r.error);
	});
}

async function withStore<T>(work: (store: IDBObjectStore) => Promise<T>): Promise<T> {
	const opening = indexedDB.open(DATABASE, 1);
	opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
	const db = await request(opening);
	try {
		const tx = db.transaction(STORE, 'readwrite');
		const done = new Promise<void>((resolve, reject) => {
			tx.oncomplete = () => resolve();
			tx.onabort = () => reject(tx.error);
		});
		done.catch(() => {}); // when work fails first, its reason is the one that is told
		const result = await work(tx.objectStore(STORE));
		await done;
		return result;
	} finally {
		db.close();
	}
}

/** The device's key pair, made on first use. Two tabs at once get the same: transactions that write
 * run one after another, and looking and storing are one transaction. Where IndexedDB is refused
 * (some private windows) the promise is rejected; `newKeyPair()` then serves until the page goes. */
export function deviceKey(): Promise<KeyPair> {
	return withStore(async (store) => {
		const kept: unknown = await request(store.get(STATIC_KEY));
		if (kept instanceof Uint8Array && kept.length === KEY_LEN) return keyPairOf(kept);
		const fresh = newKeyPair();
		await request(store.put(fresh.key, STATIC_KEY));
		return fresh;
	});
}

/** The next deviceKey() makes a new one; tickets of the old one are worth nothing then. */
export function forgetDevice(): Promise<void> {
	return withStore(async (store) => {
		await request(store.delete(STATIC_KEY));
	});
}
