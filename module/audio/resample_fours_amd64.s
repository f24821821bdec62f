#include "go_asm.h"
#include "textflag.h"

// foursAVX2 and foursVNNI make outputs of one phase four at a time. These have one
// row, so that its loads, which are what the other kernels spend most of their time
// on, are shared, and the four share the end of the work.
//
//   DI *fours      R8 dst    R9 groups left    R12 bytes between outputs
//   AX, BX, CX, SI windows   R10 bytes between windows
//   DX row         R11 how far in the windows the block is; twice as far in the row
//
// Of output k the sums of x*hi are in Yk, those of x*lo in Y(k+4).

#define FOURS_SETUP \
	MOVQ f+0(FP), DI; \
	MOVQ fours_dst(DI), R8; \
	MOVQ fours_groups(DI), R9; \
	MOVQ fours_src(DI), SI; \
	MOVQ fours_row(DI), DX; \
	MOVQ fours_srcAdd(DI), R10; \
	MOVQ fours_dstAdd(DI), R12; \
	LEAQ (R12)(R12*2), R14; \
	SUBQ R10, SI; \
	VMOVQ        fours_loBits(DI), X13; \
	VPBROADCASTQ fours_round(DI), Y14; \
	VMOVQ        fours_shift(DI), X15

#define FOURS_BEGIN \
	LEAQ  (SI)(R10*1), AX; \
	LEAQ  (AX)(R10*1), BX; \
	LEAQ  (BX)(R10*1), CX; \
	LEAQ  (CX)(R10*1), SI; \
	XORL  R11, R11; \
	MOVQ  fours_blocks(DI), R13; \
	VPXOR X0, X0, X0; \
	VPXOR X1, X1, X1; \
	VPXOR X2, X2, X2; \
	VPXOR X3, X3, X3; \
	VPXOR X4, X4, X4; \
	VPXOR X5, X5, X5; \
	VPXOR X6, X6, X6; \
	VPXOR X7, X7, X7

#define FOURS_BLOCK(ADD) \
	VMOVDQU (DX)(R11*2), Y8; \
	VMOVDQU 32(DX)(R11*2), Y9; \
	ADD(AX, Y0, Y4); \
	ADD(BX, Y1, Y5); \
	ADD(CX, Y2, Y6); \
	ADD(SI, Y3, Y7); \
	ADDQ $32, R11; \
	DECQ R13

#define ADD_AVX2(window, hi, lo) \
	VMOVDQU  (window)(R11*1), Y10; \
	VPMADDWD Y8, Y10, Y11; \
	VPMADDWD Y9, Y10, Y12; \
	VPADDD   Y11, hi, hi; \
	VPADDD   Y12, lo, lo

#define ADD_VNNI(window, hi, lo) \
	VMOVDQU  (window)(R11*1), Y10; \
	VPDPWSSD Y8, Y10, hi; \
	VPDPWSSD Y9, Y10, lo

// FOURS_FINISH sums the lanes to four hi in X0 and four lo in X4 and makes the
// outputs of them. The shift is of 32 bits at most, so that the lower half of what
// it gives is right although no signs come in from above.
#define FOURS_FINISH \
	VPHADDD      Y1, Y0, Y0; \
	VPHADDD      Y3, Y2, Y2; \
	VPHADDD      Y5, Y4, Y4; \
	VPHADDD      Y7, Y6, Y6; \
	VPHADDD      Y2, Y0, Y0; \
	VPHADDD      Y6, Y4, Y4; \
	VEXTRACTI128 $1, Y0, X1; \
	VEXTRACTI128 $1, Y4, X5; \
	VPADDD       X1, X0, X0; \
	VPADDD       X5, X4, X4; \
	VPMOVSXDQ    X0, Y0; \
	VPMOVSXDQ    X4, Y4; \
	VPSLLQ       X13, Y0, Y0; \
	VPADDQ       Y14, Y4, Y4; \
	VPADDQ       Y4, Y0, Y0; \
	VPSRLQ       X15, Y0, Y0; \
	VPSHUFD      $0x08, Y0, Y0; \
	VPERMQ       $0x08, Y0, Y0; \
	VPACKSSDW    X0, X0, X0; \
	VPEXTRW      $0, X0, (R8); \
	VPEXTRW      $1, X0, (R8)(R12*1); \
	VPEXTRW      $2, X0, (R8)(R12*2); \
	VPEXTRW      $3, X0, (R8)(R14*1); \
	LEAQ         (R8)(R12*4), R8; \
	DECQ         R9

// func foursAVX2(f *fours)
TEXT ·foursAVX2(SB), NOSPLIT, $0-8
	FOURS_SETUP

group:
	FOURS_BEGIN

block:
	FOURS_BLOCK(ADD_AVX2)
	JNE block
	FOURS_FINISH
	JNE group
	VZEROUPPER
	RET

// func foursVNNI(f *fours)
TEXT ·foursVNNI(SB), NOSPLIT, $0-8
	FOURS_SETUP

group:
	FOURS_BEGIN

block:
	FOURS_BLOCK(ADD_VNNI)
	JNE block
	FOURS_FINISH
	JNE group
	VZEROUPPER
	RET
