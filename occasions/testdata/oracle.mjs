// Writes lunar-months.txt (first day, lunar year, month; negative is a leap month)
// and solar-terms.txt for 1900 to 2100, to hold our calendars against.
//   npm install lunar-javascript@1.7.7 && node oracle.mjs
import { writeFileSync } from 'node:fs'
import lunar from 'lunar-javascript'

const months = []
const terms = []
for (let t = Date.UTC(1900, 0, 1); t < Date.UTC(2101, 0, 29); t += 86400000) {
  const day = new Date(t)
  const iso = day.toISOString().slice(0, 10)
  const l = lunar.Solar.fromYmd(day.getUTCFullYear(), day.getUTCMonth() + 1, day.getUTCDate()).getLunar()
  if (l.getDay() === 1 && t >= Date.UTC(1900, 0, 31)) months.push(`${iso} ${l.getYear()} ${l.getMonth()}`)
  if (l.getJieQi() && day.getUTCFullYear() <= 2100) terms.push(`${iso} ${l.getJieQi()}`)
}
writeFileSync('lunar-months.txt', months.join('\n') + '\n')
writeFileSync('solar-terms.txt', terms.join('\n') + '\n')
