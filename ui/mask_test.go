package ui

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMaskPhone(t *testing.T) {
	for in, want := range map[string]string{
		"+8613800001234":       "138****1234",
		"+85291234567":         "+852 ****4567",
		"+12025550123":         "+1 ****0123",
		"+79161234567":         "+7 ****4567",
		"+6591234567":          "+65 ****4567",
		"+447700900123":        "+44 ****0123",
		"+3545551234":          "+354 ****34",
		"+861381234567":        "+86 ****4567", // not a mobile number of eleven digits
		"":                     "****",
		"13800001234":          "****",
		"+":                    "****",
		"+86138":               "****",
		"+0123456789":          "****",
		"+86138000012a4":       "****",
		"+861380000123456":     "+86 ****3456",
		"+8613800001234567890": "****",
		"+<script>alert":       "****",
	} {
		require.Equal(t, want, MaskPhone(in), in)
	}
}

func FuzzMaskPhone(f *testing.F) {
	f.Add("+8613800001234")
	f.Add("+85291234567")
	f.Fuzz(func(t *testing.T, s string) {
		got := MaskPhone(s)
		require.Contains(t, got, "****")
		require.LessOrEqual(t, len(got), 13)
		require.Empty(t, strings.Trim(got, "+* 0123456789"))
		if digits := strings.Trim(s, "+"); len(digits) >= 7 {
			require.NotContains(t, got, digits, "never the whole number")
		}
	})
}
