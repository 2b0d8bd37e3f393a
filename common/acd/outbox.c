/* Effects go straight into what the shell handed in; those that do not fit wait here until the next
 * step, ACD_FX_MAX at a time. */
#include "common/acd/acd_internal.h"

#include <string.h>

/* Its fields are the last one's that lay there. */
static struct acd_fx *push(struct acd *acd)
{
	if (acd->ret_fx && acd->out_n == 0 && acd->ret_fx->n < ACD_FX_MAX)
		return &acd->ret_fx->fx[acd->ret_fx->n++];
	helio_assert(acd->out_n < OUTBOX_MAX);
	return &acd->out[(acd->out_head + acd->out_n++) % OUTBOX_MAX];
}

struct acd_fx *fx_push(struct acd *acd, enum acd_fx_type type)
{
	struct acd_fx *fx = push(acd);

	memset(fx, 0, sizeof(*fx));
	fx->type = type;
	return fx;
}

void fx_send(struct acd *acd, struct acd_addr to, const struct acd_msg *m)
{
	struct acd_fx *fx = push(acd);

	fx->type = ACD_FX_SEND;
	fx->to = to;
	fx->peer.v = 0;
	fx->msg = *m;
	memset(&fx->call, 0, sizeof(*fx) - offsetof(struct acd_fx, call));
}

void fx_begin(struct acd *acd, struct acd_effects *ret_fx)
{
	ret_fx->n = 0;
	while (acd->out_n > 0 && ret_fx->n < ACD_FX_MAX) {
		ret_fx->fx[ret_fx->n++] = acd->out[acd->out_head];
		acd->out_head = (acd->out_head + 1) % OUTBOX_MAX;
		acd->out_n--;
	}
	acd->ret_fx = ret_fx;
}

void fx_end(struct acd *acd)
{
	acd->ret_fx = NULL;
}
