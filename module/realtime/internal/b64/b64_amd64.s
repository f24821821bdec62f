#include "textflag.h"

// After W. Mula and D. Lemire, "Faster Base64 Encoding and Decoding using AVX2
// Instructions", ACM Transactions on the Web 12(3), 2018. Shuffles look up in
// each half of a register by itself, so tables are there twice.

#define TWICE(name, lo, hi) \
	DATA name<>+0(SB)/8, $lo; \
	DATA name<>+8(SB)/8, $hi; \
	DATA name<>+16(SB)/8, $lo; \
	DATA name<>+24(SB)/8, $hi; \
	GLOBL name<>(SB), RODATA|NOPTR, $32

#define ALL(name, value) TWICE(name, value, value)

// Encoding: of 3 bytes the 4 that hold their four sixes of bits, which two
// multiplications shift into place.
TWICE(spread, 0x0405030401020001, 0x0a0b090a07080607)
ALL(oddSixes, 0x0fc0fc000fc0fc00)
ALL(oddShifts, 0x0400004004000040)
ALL(evenSixes, 0x003f03f0003f03f0)
ALL(evenShifts, 0x0100001001000010)
// What makes a number its character depends on its range: 0 for a to z, 1 to 10
// for the digits, 11 and 12 for + and /, 13 for A to Z.
ALL(beyondLower, 0x3333333333333333)
ALL(lower, 0x1a1a1a1a1a1a1a1a)
ALL(upper, 0x0d0d0d0d0d0d0d0d)
TWICE(toChar, 0xfcfcfcfcfcfcfc47, 0x000041f0edfcfcfc)

// func encodeAVX2(dst, src *byte, groups int)
TEXT ·encodeAVX2(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ groups+16(FP), CX
	VMOVDQU spread<>(SB), Y8
	VMOVDQU oddSixes<>(SB), Y9
	VMOVDQU oddShifts<>(SB), Y10
	VMOVDQU evenSixes<>(SB), Y11
	VMOVDQU evenShifts<>(SB), Y12
	VMOVDQU beyondLower<>(SB), Y13
	VMOVDQU lower<>(SB), Y14
	VMOVDQU upper<>(SB), Y7
	VMOVDQU toChar<>(SB), Y6

encodeGroup:
	VMOVDQU     (SI), X0
	VINSERTI128 $1, 12(SI), Y0, Y0
	VPSHUFB     Y8, Y0, Y0
	VPAND       Y9, Y0, Y1
	VPMULHUW    Y10, Y1, Y1
	VPAND       Y11, Y0, Y2
	VPMULLW     Y12, Y2, Y2
	VPOR        Y1, Y2, Y0
	VPSUBUSB    Y13, Y0, Y1 // the range
	VPCMPGTB    Y0, Y14, Y2
	VPAND       Y7, Y2, Y2
	VPOR        Y2, Y1, Y1
	VPSHUFB     Y1, Y6, Y1
	VPADDB      Y1, Y0, Y0
	VMOVDQU     Y0, (DI)
	ADDQ        $24, SI
	ADDQ        $32, DI
	DECQ        CX
	JNE         encodeGroup
	VZEROUPPER
	RET

// Decoding: a character is one of the alphabet's if what its two digits of four
// bits allow has no bit in common. What makes it its number depends on the upper
// digit, and on whether it is a slash.
ALL(digit, 0x2f2f2f2f2f2f2f2f) // also a slash
TWICE(lowDigit, 0x1111111111111115, 0x1a1b1b1b1a131111)
TWICE(highDigit, 0x0804080402011010, 0x1010101010101010)
TWICE(toNumber, 0xb9b9bfbf04131000, 0)
// Numbers are joined to two of 12 bits, these to one of 24.
ALL(join12, 0x0140014001400140)
ALL(join24, 0x0001100000011000)
TWICE(gather, 0x090a040506000102, 0xffffffff0c0d0e08)
DATA close<>+0(SB)/8, $0x0000000100000000
DATA close<>+8(SB)/8, $0x0000000400000002
DATA close<>+16(SB)/8, $0x0000000600000005
DATA close<>+24(SB)/8, $0x0000000700000003
GLOBL close<>(SB), RODATA|NOPTR, $32

// func decodeAVX2(dst, src *byte, groups int) (done int)
TEXT ·decodeAVX2(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ groups+16(FP), CX
	VMOVDQU digit<>(SB), Y8
	VMOVDQU lowDigit<>(SB), Y9
	VMOVDQU highDigit<>(SB), Y10
	VMOVDQU toNumber<>(SB), Y11
	VMOVDQU join12<>(SB), Y12
	VMOVDQU join24<>(SB), Y13
	VMOVDQU gather<>(SB), Y14
	VMOVDQU close<>(SB), Y7

decodeGroup:
	VMOVDQU    (SI), Y0
	VPSRLD     $4, Y0, Y1
	VPAND      Y8, Y1, Y1 // the upper digit
	VPAND      Y8, Y0, Y2
	VPSHUFB    Y2, Y9, Y2
	VPSHUFB    Y1, Y10, Y3
	VPTEST     Y2, Y3
	JNE        decodeEnd
	VPCMPEQB   Y8, Y0, Y2
	VPADDB     Y2, Y1, Y1
	VPSHUFB    Y1, Y11, Y1
	VPADDB     Y1, Y0, Y0
	VPMADDUBSW Y12, Y0, Y0
	VPMADDWD   Y13, Y0, Y0
	VPSHUFB    Y14, Y0, Y0
	VPERMD     Y0, Y7, Y0
	VMOVDQU    Y0, (DI)
	ADDQ       $32, SI
	ADDQ       $24, DI
	DECQ       CX
	JNE        decodeGroup

decodeEnd:
	MOVQ groups+16(FP), AX
	SUBQ CX, AX
	MOVQ AX, done+24(FP)
	VZEROUPPER
	RET
