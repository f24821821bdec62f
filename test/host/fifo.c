/* SPDX-License-Identifier: MIT
 *
 * A byte queue that grows up to a limit.
 */
#include "host.h"

bool host_fifo_write(host_fifo_t *fifo, const void *data, size_t len, size_t max_len)
{
	if (fifo->len + len > max_len) {
		return false;
	}
	if (!len) {
		return true;
	}
	if (fifo->start && fifo->start + fifo->len + len > fifo->size) {
		memmove(fifo->data, fifo->data + fifo->start, fifo->len);
		fifo->start = 0;
	}
	if (fifo->len + len > fifo->size) {
		size_t size = (fifo->len + len) * 2;
		uint8_t *grown = realloc(fifo->data, size);

		switch_assert(grown);
		fifo->data = grown;
		fifo->size = size;
	}
	memcpy(fifo->data + fifo->start + fifo->len, data, len);
	fifo->len += len;
	return true;
}

size_t host_fifo_read(host_fifo_t *fifo, void *out, size_t len)
{
	if (len > fifo->len) {
		len = fifo->len;
	}
	if (len) {
		if (out) {
			memcpy(out, fifo->data + fifo->start, len);
		}
		fifo->start += len;
		fifo->len -= len;
	}
	return len;
}

void host_fifo_clear(host_fifo_t *fifo)
{
	fifo->start = 0;
	fifo->len = 0;
}

void host_fifo_free(host_fifo_t *fifo)
{
	free(fifo->data);
	memset(fifo, 0, sizeof(*fifo));
}
