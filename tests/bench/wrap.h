/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the wrapper of the benchmark and its user space share. */
#ifndef XGRE_BENCH_WRAP_H
#define XGRE_BENCH_WRAP_H

#define WRAP_SIZE   128 /* bytes of every frame */
#define WRAP_HEAD   112 /* of which a run may change: the longest stack of headers is 102 */
#define WRAP_FRAMES 256 /* that take turns; a power of two */

struct wrap_frame {
	unsigned char bytes[WRAP_HEAD];
};

#endif
