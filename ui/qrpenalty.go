package ui

import "math/bits"

// line is a row of a code, a bit for each module; the longest has 177.
type line [3]uint64

// ones has its first n bits set.
func ones(n int) (l line) {
	for i := range l {
		if left := n - 64*i; left > 0 {
			l[i] = ^uint64(0) >> max(0, 64-left)
		}
	}
	return l
}

func (l *line) set(i int)     { l[i/64] |= 1 << (i % 64) }
func (l line) has(i int) bool { return l[i/64]>>(i%64)&1 == 1 }

func (l line) and(m line) line    { return line{l[0] & m[0], l[1] & m[1], l[2] & m[2]} }
func (l line) andNot(m line) line { return line{l[0] &^ m[0], l[1] &^ m[1], l[2] &^ m[2]} }
func (l line) xor(m line) line    { return line{l[0] ^ m[0], l[1] ^ m[1], l[2] ^ m[2]} }
func (l line) count() int {
	return bits.OnesCount64(l[0]) + bits.OnesCount64(l[1]) + bits.OnesCount64(l[2])
}

// from begins at module k, for k below 64.
func (l line) from(k int) line {
	return line{l[0]>>k | l[1]<<(64-k), l[1]>>k | l[2]<<(64-k), l[2] >> k}
}

// penalty is how much the code looks like what confuses scanners (ISO/IEC 18004 §7.8.3.1, table 11). All modules of a row
// are looked at at once.
func (c code) penalty() int {
	sum, dark := 0, 0
	whole, pairs := ones(c.n), ones(c.n-1)
	beside, below := make([]line, c.n), make([]line, c.n) // set where the next module along the row or column is the same
	for y, row := range c.rows {
		dark += row.count()
		beside[y] = pairs.andNot(row.xor(row.from(1)))
		if y+1 < c.n {
			below[y] = whole.andNot(row.xor(c.rows[y+1]))
		}
	}
	var last line
	for y, b := range beside {
		sum += 3 * b.and(beside[min(y+1, c.n-1)]).and(below[y]).count() // blocks of 2 by 2
		five := b.and(b.from(1)).and(b.from(2)).and(b.from(3))          // where a run of five begins
		sum += five.count() + 2*five.andNot(five.from(1)).count()       // 3 for a run of five, and 1 for each module more
		if y+4 < c.n {
			down := b4(below[y:])
			sum += down.count() + 2*down.andNot(last).count()
			last = down
		}
	}
	sum += 40 * c.finders(whole)
	total := c.n * c.n
	return sum + abs(dark*20-total*10)/total*10 // 10 for every 5 % away from a half
}

// b4 is where all of the next four are set.
func b4(l []line) line { return l[0].and(l[1]).and(l[2]).and(l[3]) }

// A finder pattern is 1011101 along a row or column. It confuses where four light modules stand before or after it.
const (
	finderCore  = 7
	finderLight = 4
)

// finders counts what looks like a finder pattern, in rows and in columns.
func (c code) finders(whole line) (n int) {
	down, light := make([]line, c.n), make([]line, c.n) // set where the core, or the light modules, begin in a column
	wide, room := ones(c.n-finderCore+1), ones(c.n-finderLight+1)
	for y, r := range c.rows {
		core := r.and(r.from(2)).and(r.from(3)).and(r.from(4)).and(r.from(6)).andNot(r.from(1)).andNot(r.from(5)).and(wide)
		four := room.andNot(r).andNot(r.from(1)).andNot(r.from(2)).andNot(r.from(3))
		n += four.and(core.from(finderLight)).count() + core.and(four.from(finderCore)).count()
		if y+finderLight <= c.n {
			l := c.rows[y:]
			light[y] = whole.andNot(l[0]).andNot(l[1]).andNot(l[2]).andNot(l[3])
		}
		if y+finderCore <= c.n {
			l := c.rows[y:]
			down[y] = l[0].and(l[2]).and(l[3]).and(l[4]).and(l[6]).andNot(l[1]).andNot(l[5])
		}
	}
	for y := range c.n {
		if y+finderLight < c.n {
			n += light[y].and(down[y+finderLight]).count()
		}
		if y+finderCore < c.n {
			n += down[y].and(light[y+finderCore]).count()
		}
	}
	return n
}

func abs(n int) int { return max(n, -n) }
