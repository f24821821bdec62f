#include "go_asm.h"
#include "textflag.h"

// The two kernels differ only in how they sum a row. Both keep the sums of x*hi
// and of x*lo in 32-bit lanes, which may wrap on the way: the totals fit (see
// filter), and addition modulo 2^32 does not mind the way.
//
//   DI *run    SI window    DX row    R12 bytes to the end of the table
//   R8 dst     R9 outputs left        R10, R11 limits of int16    CX shift

#define SETUP \
	MOVQ r+0(FP), DI; \
	MOVQ run_dst(DI), R8; \
	MOVQ run_n(DI), R9; \
	MOVQ run_src(DI), SI; \
	MOVQ run_row(DI), DX; \
	MOVQ run_rest(DI), R12; \
	MOVQ run_shift(DI), CX; \
	MOVQ $32767, R10; \
	MOVQ $-32768, R11

// BEGIN points AX at the window and BX at the row, and counts its blocks in R13.
#define BEGIN \
	MOVQ SI, AX; \
	MOVQ DX, BX; \
	MOVQ run_blocks(DI), R13

// FINISH makes the output of the sums in AX, hi in its lower half and lo in its
// upper one, and moves on. Conditional moves: the wraps of a ratio like 147:160
// are hard to predict.
#define FINISH \
	MOVLQSX AX, BX; \
	SARQ $32, AX; \
	IMULQ run_loScale(DI), BX; \
	ADDQ run_round(DI), AX; \
	ADDQ BX, AX; \
	SARQ CX, AX; \
	CMPQ AX, R10; \
	CMOVQGT R10, AX; \
	CMPQ AX, R11; \
	CMOVQLT R11, AX; \
	MOVW AX, (R8); \
	ADDQ $2, R8; \
	ADDQ run_srcAdd(DI), SI; \
	ADDQ run_rowAdd(DI), DX; \
	MOVQ run_rows(DI), R13; \
	LEAQ 2(SI), AX; \
	MOVQ DX, BX; \
	SUBQ R13, BX; \
	ADDQ R12, R13; \
	SUBQ run_rowAdd(DI), R13; \
	SUBQ run_rowAdd(DI), R12; \
	CMOVQLE AX, SI; \
	CMOVQLE BX, DX; \
	CMOVQLE R13, R12

// func convolveSSE2(r *run)
TEXT ·convolveSSE2(SB), NOSPLIT, $0-8
	SETUP

output:
	BEGIN
	PXOR X0, X0
	PXOR X1, X1

block:
	MOVOU   (AX), X2
	MOVOU   16(AX), X3
	MOVO    X2, X4
	MOVO    X3, X5
	PMADDWL (BX), X2
	PMADDWL 16(BX), X3
	PMADDWL 32(BX), X4
	PMADDWL 48(BX), X5
	PADDL   X2, X0
	PADDL   X4, X1
	PADDL   X3, X0
	PADDL   X5, X1
	ADDQ    $32, AX
	ADDQ    $64, BX
	DECQ    R13
	JNE     block

	// X0 = h0 h1 h2 h3, X1 = l0 l1 l2 l3: pair them up, then add the pairs.
	MOVO       X0, X2
	PUNPCKLLQ  X1, X0
	PUNPCKHLQ  X1, X2
	PADDL      X2, X0
	PSHUFD     $0x4E, X0, X2
	PADDL      X2, X0
	MOVQ       X0, AX
	FINISH
	DECQ       R9
	JNE        output
	RET

// func convolveAVX2(r *run)
TEXT ·convolveAVX2(SB), NOSPLIT, $0-8
	SETUP

output:
	BEGIN
	VPXOR X0, X0, X0
	VPXOR X1, X1, X1

block:
	VMOVDQU  (AX), Y2
	VPMADDWD (BX), Y2, Y3
	VPMADDWD 32(BX), Y2, Y4
	VPADDD   Y3, Y0, Y0
	VPADDD   Y4, Y1, Y1
	ADDQ     $32, AX
	ADDQ     $64, BX
	DECQ     R13
	JNE      block

	VPUNPCKLDQ   Y1, Y0, Y2
	VPUNPCKHDQ   Y1, Y0, Y3
	VPADDD       Y2, Y3, Y0
	VEXTRACTI128 $1, Y0, X1
	VPADDD       X1, X0, X0
	VPSHUFD      $0x4E, X0, X1
	VPADDD       X1, X0, X0
	VMOVQ        X0, AX
	FINISH
	DECQ         R9
	JNE          output
	VZEROUPPER
	RET
