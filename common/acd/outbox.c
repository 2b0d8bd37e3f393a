/* Effects wait here until the shell takes them, ACD_FX_MAX at a time. */
#include "common/acd/acd_internal.h"

#include <string.h>

struct acd_fx *fx_push(struct acd *acd, enum acd_fx_type type)
{
	helio_assert(acd->out_n < OUTBOX_MAX);
	struct acd_fx *fx = &acd->out[(acd->out_head + acd->out_n++) % OUTBOX_MAX];
	memset(fx, 0, sizeof(*fx));
	fx->type = type;
	return fx;
}

void fx_send(struct acd *acd, struct acd_addr to, const struct acd_msg *m)
{
	struct acd_fx *fx = fx_push(acd, ACD_FX_SEND);

	fx->to = to;
	fx->msg = *m;
}

void fx_drain(struct acd *acd, struct acd_effects *ret_fx)
{
	while (acd->out_n > 0 && ret_fx->n < ACD_FX_MAX) {
		ret_fx->fx[ret_fx->n++] = acd->out[acd->out_head];
		acd->out_head = (acd->out_head + 1) % OUTBOX_MAX;
		acd->out_n--;
	}
}
