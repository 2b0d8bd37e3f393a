// Calendars of a test: a site that opens and closes every few seconds, and others as lines of iCalendar.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

export const stamp = (ms) => new Date(ms).toISOString().replace(/[-:]|\.\d+/g, '')

export function calendar(dir, name, lines) {
	const file = join(dir, name)
	writeFileSync(file, ['BEGIN:VCALENDAR', 'BEGIN:VEVENT', ...lines, 'END:VEVENT', 'END:VCALENDAR', ''].join('\r\n'))
	return file
}

// Open for `phase` ms, closed for as long, twenty-five times from `start` on. { file, opens }.
export function shifts(dir, name, start, phase) {
	const opens = Array.from({ length: 25 }, (_, i) => start + 2 * phase * i)
	const file = calendar(dir, name, [`DTSTART:${stamp(start)}`, `DURATION:PT${phase / 1000}S`, ...opens.slice(1).map((t) => `RDATE:${stamp(t)}`)])
	return { file, opens }
}
