package ui

import "math/bits"

// line is a row of a code, a bit for each module; the longest has 177. It is a struct and no array, for only such a one
// stays in registers.
type line struct{ a, b, c uint64 }

// ones has its first n bits set.
func ones(n int) line {
	word := func(n int) uint64 { return ^uint64(0) >> max(0, 64-max(0, n)) }
	return line{word(n), word(n - 64), word(n - 128)}
}

func (l *line) set(i int) {
	switch bit := uint64(1) << (i % 64); i / 64 {
	case 0:
		l.a |= bit
	case 1:
		l.b |= bit
	default:
		l.c |= bit
	}
}

func (l line) has(i int) bool {
	switch i / 64 {
	case 0:
		return l.a>>(i%64)&1 == 1
	case 1:
		return l.b>>(i%64)&1 == 1
	default:
		return l.c>>(i%64)&1 == 1
	}
}

func (l line) and(m line) line    { return line{l.a & m.a, l.b & m.b, l.c & m.c} }
func (l line) andNot(m line) line { return line{l.a &^ m.a, l.b &^ m.b, l.c &^ m.c} }
func (l line) xor(m line) line    { return line{l.a ^ m.a, l.b ^ m.b, l.c ^ m.c} }
func (l line) count() int {
	return bits.OnesCount64(l.a) + bits.OnesCount64(l.b) + bits.OnesCount64(l.c)
}

// from begins at module k, for k up to 64.
func (l line) from(k int) line {
	return line{l.a>>k | l.b<<(64-k), l.b>>k | l.c<<(64-k), l.c >> k}
}

// penalty is how much the code looks like what confuses scanners (ISO/IEC 18004 §7.8.3.1, table 11). All modules of a row
// are looked at at once, and no more of them once the limit is reached.
func (c code) penalty(limit int) int {
	sum, dark := 40*c.finders(), 0
	whole, pairs := ones(c.n), ones(c.n-1)
	var above, besideAbove, runAbove line // of the row above
	var same [3]line                      // which modules of the last three rows are as those above them
	for y, row := range c.rows {
		if sum >= limit {
			return sum
		}
		dark += row.count()
		beside := pairs.andNot(row.xor(row.from(1)))                               // is as the next module
		five := beside.and(beside.from(1)).and(beside.from(2)).and(beside.from(3)) // where a run of five begins
		sum += five.count() + 2*five.andNot(five.from(1)).count()                  // 3 for a run of five, and 1 for each module more
		if y > 0 {
			below := whole.andNot(row.xor(above))
			sum += 3 * beside.and(besideAbove).and(below).count() // blocks of 2 by 2
			run := below.and(same[0]).and(same[1]).and(same[2])   // where a run of five down a column ends
			sum += run.count() + 2*run.andNot(runAbove).count()
			same, runAbove = [3]line{below, same[0], same[1]}, run
		}
		above, besideAbove = row, beside
	}
	total := c.n * c.n
	return sum + abs(dark*20-total*10)/total*10 // 10 for every 5 % away from a half
}

// A finder pattern is 1011101 along a row or column. It confuses where four light modules stand before or after it.
const (
	finderCore  = 7
	finderLight = 4
)

// finders counts what looks like a finder pattern, in rows and in columns.
func (c code) finders() (n int) {
	wide, room := ones(c.n-finderCore+1), ones(c.n-finderLight+1)
	for _, r := range c.rows {
		core := wide.andNot(r.from(1)).andNot(r.from(5)).and(r).and(r.from(2)).and(r.from(3)).and(r.from(4)).and(r.from(6))
		light := room.andNot(r).andNot(r.from(1)).andNot(r.from(2)).andNot(r.from(3))
		n += light.and(core.from(finderLight)).count() + core.and(light.from(finderCore)).count()
	}
	for y := 0; y+finderCore <= c.n; y++ {
		r := c.rows[y:]
		core := r[0].and(r[2]).and(r[3]).and(r[4]).and(r[6]).andNot(r[1]).andNot(r[5])
		if y >= finderLight {
			l := c.rows[y-finderLight:]
			n += core.andNot(l[0]).andNot(l[1]).andNot(l[2]).andNot(l[3]).count()
		}
		if l := r[finderCore:]; len(l) >= finderLight {
			n += core.andNot(l[0]).andNot(l[1]).andNot(l[2]).andNot(l[3]).count()
		}
	}
	return n
}

func abs(n int) int { return max(n, -n) }
