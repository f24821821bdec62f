#include "go_asm.h"
#include "textflag.h"

// Signed multiply-add of the lower or upper four int16 of n and m to the four
// int32 of d. Go's assembler does not know them; Arm ARM C7.2, SMLAL (vector).
#define SMLAL(m, n, d)  WORD $(0x0E608000 | (m)<<16 | (n)<<5 | (d))
#define SMLAL2(m, n, d) WORD $(0x4E608000 | (m)<<16 | (n)<<5 | (d))

// The sums of x*hi (V0, V2) and of x*lo (V1, V3) are kept in 32-bit lanes, which
// may wrap on the way: the totals fit (see filter), and addition modulo 2^32
// does not mind the way.
//
// func convolveNEON(r *run)
TEXT ·convolveNEON(SB), NOSPLIT, $0-8
	MOVD r+0(FP), R0
	MOVD run_dst(R0), R1
	MOVD run_n(R0), R2
	MOVD run_src(R0), R4
	MOVD run_row(R0), R5
	MOVD run_rest(R0), R6
	MOVD run_blocks(R0), R7
	MOVD run_srcAdd(R0), R8
	MOVD run_rowAdd(R0), R9
	MOVD run_rows(R0), R10
	MOVD run_loScale(R0), R11
	MOVD run_round(R0), R12
	MOVD run_shift(R0), R13
	MOVD $32767, R14
	MOVD $-32768, R15

output:
	MOVD R4, R19
	MOVD R5, R20
	MOVD R7, R21
	VEOR V0.B16, V0.B16, V0.B16
	VEOR V1.B16, V1.B16, V1.B16
	VEOR V2.B16, V2.B16, V2.B16
	VEOR V3.B16, V3.B16, V3.B16

block:
	VLD1.P 32(R19), [V4.H8, V5.H8]
	VLD1.P 64(R20), [V16.H8, V17.H8, V18.H8, V19.H8]
	SMLAL(16, 4, 0)
	SMLAL(18, 4, 1)
	SMLAL2(16, 4, 2)
	SMLAL2(18, 4, 3)
	SMLAL(17, 5, 0)
	SMLAL(19, 5, 1)
	SMLAL2(17, 5, 2)
	SMLAL2(19, 5, 3)
	SUBS $1, R21, R21
	BNE  block

	VADD  V2.S4, V0.S4, V0.S4
	VADD  V3.S4, V1.S4, V1.S4
	VADDV V0.S4, V0
	VADDV V1.S4, V1
	VMOV  V0.S[0], R19
	VMOV  V1.S[0], R20
	SXTW  R19, R19
	SXTW  R20, R20

	// (hi*loScale + lo + round) >> shift, within the limits of int16.
	MADD R11, R20, R19, R19
	ADD  R12, R19, R19
	ASR  R13, R19, R19
	CMP  R14, R19
	CSEL GT, R14, R19, R19
	CMP  R15, R19
	CSEL LT, R15, R19, R19
	MOVH R19, (R1)

	// The next output's window and row.
	ADD  $2, R1, R1
	ADD  R8, R4, R4
	ADD  R9, R5, R5
	SUBS R9, R6, R6
	BGT  inside
	ADD  R10, R6, R6
	SUB  R10, R5, R5
	ADD  $2, R4, R4

inside:
	SUBS $1, R2, R2
	BNE  output
	RET
