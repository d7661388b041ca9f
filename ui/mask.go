package ui

import "strings"

// MaskPhone hides the middle of an E.164 number: +8613800001234 becomes 138****1234, and a number from elsewhere keeps
// its country code and its last digits, +85291234567 → +852 ****4567. What is no such number becomes asterisks.
func MaskPhone(e164 string) string {
	digits, ok := strings.CutPrefix(e164, "+")
	if !ok || len(digits) < 7 || len(digits) > 15 || strings.Trim(digits, "0123456789") != "" || digits[0] == '0' {
		return "****"
	}
	if mainland, ok := strings.CutPrefix(digits, "86"); ok && len(mainland) == 11 {
		return mainland[:3] + "****" + mainland[7:]
	}
	n := countryCode(digits)
	national := digits[n:]
	shown := 4
	if len(national) < 8 {
		shown = 2 // a short number would otherwise be shown by half
	}
	return "+" + digits[:n] + " ****" + national[len(national)-shown:]
}

// countryCode is the length of the country code (ITU-T E.164, list of assigned codes): one digit in North America and
// Russia, two for the codes below, else three.
func countryCode(digits string) int {
	const two = " 20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 " +
		"81 82 84 86 90 91 92 93 94 95 98 "
	switch {
	case digits[0] == '1' || digits[0] == '7':
		return 1
	case strings.Contains(two, " "+digits[:2]+" "):
		return 2
	default:
		return 3
	}
}
