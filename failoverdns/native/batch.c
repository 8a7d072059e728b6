#define _GNU_SOURCE
#include "batch.h"

#include <errno.h>
#include <string.h>

static void make_ready(batch *b)
{
    for (unsigned i = 0; i < BATCH; i++) {
        packet *p = &b->packets[i];
        b->in[i] = (struct iovec){p->data, PACKET_MOST};
        b->received[i].msg_hdr = (struct msghdr){
            .msg_name = &p->sender,
            .msg_namelen = sizeof p->sender,
            .msg_iov = &b->in[i],
            .msg_iovlen = 1,
            .msg_control = p->control.data,
            .msg_controllen = sizeof p->control.data,
        };
    }
}

static unsigned port_of(const struct sockaddr_storage *address)
{
    return address->ss_family == AF_INET6
               ? ((const struct sockaddr_in6 *)address)->sin6_port
               : ((const struct sockaddr_in *)address)->sin_port;
}

static const void *host_of(const struct sockaddr_storage *address)
{
    return address->ss_family == AF_INET6
               ? (const void *)&((const struct sockaddr_in6 *)address)->sin6_addr
               : (const void *)&((const struct sockaddr_in *)address)->sin_addr;
}

/* Turn the destination of a packet into the source of its reply; return that address, or NULL. */
static const void *turn_round(struct msghdr *message)
{
    struct cmsghdr *c = CMSG_FIRSTHDR(message);
    if (c == NULL)
        return NULL;
    if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
        struct in_pktinfo *info = (struct in_pktinfo *)CMSG_DATA(c);
        info->ipi_ifindex = 0;
        info->ipi_addr.s_addr = 0; /* ipi_spec_dst is ours, though the packet was a broadcast */
        message->msg_controllen = CMSG_SPACE(sizeof *info);
        return &info->ipi_spec_dst;
    }
    if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
        struct in6_pktinfo *info = (struct in6_pktinfo *)CMSG_DATA(c);
        if (!IN6_IS_ADDR_LINKLOCAL(&info->ipi6_addr))
            info->ipi6_ifindex = 0; /* the interface matters for link-local addresses only */
        message->msg_controllen = CMSG_SPACE(sizeof *info);
        return &info->ipi6_addr;
    }
    return NULL;
}

bool is_reflecting(unsigned port)
{
    switch (port) {
    case 0:   /* invalid as a source */
    case 7:   /* echo */
    case 11:  /* systat */
    case 13:  /* daytime */
    case 15:  /* netstat */
    case 17:  /* qotd */
    case 19:  /* chargen */
    case 37:  /* time */
    case 464: /* kpasswd */
        return true;
    default:
        return false;
    }
}

/* Return whether a reply to this sender could reach somebody other than ourselves, and end there. */
static bool is_answerable(
    const struct sockaddr_storage *sender, const struct sockaddr_storage *own, const void *local)
{
    const unsigned port = port_of(sender);
    if (is_reflecting(ntohs((uint16_t)port)))
        return false;
    const size_t size = sender->ss_family == AF_INET6 ? 16 : 4;
    return port != port_of(own) || memcmp(host_of(sender), local, size) != 0;
}

static void send_all(batch *b, int fd, unsigned count, tally *tally_)
{
    for (unsigned sent = 0; sent < count;) {
        const int done = sendmmsg(fd, b->sent + sent, count - sent, MSG_DONTWAIT);
        if (done > 0) {
            sent += (unsigned)done;
            tally_->answered += (unsigned)done;
        } else if (errno == EINTR) {
            continue;
        } else if (errno == EAGAIN || errno == ENOBUFS) {
            tally_->unsent += count - sent; /* no room for this one, nor for the rest */
            return;
        } else {
            sent++; /* skip the one that could not be sent */
            tally_->unsent++;
        }
    }
}

/* Set who asks, and whether the packet gets no reply, whatever that would be. */
static void look_at_sender(
    packet *p, struct msghdr *message, size_t size, const answer_settings *settings,
    const limits *limits, const struct sockaddr_storage *own, tally *count)
{
    const void *local = turn_round(message);
    if (local == NULL)
        message->msg_controllen = 0;
    asker *a = &p->asker;
    a->udp = true;
    a->size = p->sender.ss_family == AF_INET6 ? 16 : 4;
    memcpy(a->address, host_of(&p->sender), a->size);
    p->is_refused = !is_answerable(&p->sender, own, local != NULL ? local : host_of(own));
    count->ignored += p->is_refused;
    if (limits->limiter != NULL && !p->is_refused) {
        p->client = limiter_client(limits->limiter, a->address, a->size);
        p->is_refused = limiter_is_over(limits->limiter, &p->client, limits->now) &&
                        is_query(p->data, size) && !has_proof(settings, a, p->data, size) &&
                        limiter_refuses(limits->limiter, &p->client, limits->now);
    }
}

/* Limit a reply of `size` bytes; return the size of what is sent, 0 for nothing. */
static size_t limited(packet *p, const limits *limits, const answered *about, size_t size)
{
    if (limits->limiter == NULL || about->has_valid_cookie)
        return size;
    switch (limiter_treat(
        limits->limiter, &p->client, about->kind, about->account, about->account_size, true,
        limits->now)) {
    case SEND:
        return size;
    case SLIP:
        return truncate_reply(&p->query, about, p->reply, size);
    default:
        return 0;
    }
}

int answer_batches(
    batch *b, const table *t, const answer_settings *settings, const limits *limits, int fd,
    const struct sockaddr_storage *own, tally *count, leave *leave_, void *caller)
{
    unsigned left = 0;
    for (unsigned round = 0; round < BATCHES_MOST && left < BATCH; round++) {
        make_ready(b);
        int received = recvmmsg(fd, b->received, BATCH, MSG_DONTWAIT, NULL);
        if (received < 0) {
            if (errno == EAGAIN || errno == EWOULDBLOCK)
                return 0;
            continue; /* an ICMP error about an earlier reply, or a signal */
        }
        for (int i = 0; i < received; i++) {
            packet *p = &b->packets[i];
            const size_t size = b->received[i].msg_len;
            p->query.size = 0;
            look_at_sender(p, &b->received[i].msg_hdr, size, settings, limits, own, count);
            if (!p->is_refused)
                prepare(t, &p->query, p->data, size);
        }
        for (int i = 0; i < received; i++)
            fetch_name(t, &b->packets[i].query);
        for (int i = 0; i < received; i++)
            fetch_rrsets(t, &b->packets[i].query);
        unsigned replies = 0;
        for (int i = 0; i < received; i++) {
            packet *p = &b->packets[i];
            if (p->is_refused)
                continue;
            const struct msghdr *message = &b->received[i].msg_hdr;
            const size_t size = b->received[i].msg_len;
            answered about;
            size_t length = answer(
                t, settings, &p->asker, &p->query, p->data, size, p->reply, sizeof p->reply,
                limits->limiter != NULL ? &about : NULL);
            if (length == 0) {
                leave_(caller, p->data, size, message);
                left++;
                continue;
            }
            length = limited(p, limits, &about, length);
            if (length == 0)
                continue;
            count->rcodes[p->reply[3] & 0xf]++;
            count->truncated += p->reply[2] >> 1 & 1;
            b->out[replies] = (struct iovec){p->reply, length};
            b->sent[replies].msg_hdr = (struct msghdr){
                .msg_name = &p->sender,
                .msg_namelen = message->msg_namelen,
                .msg_iov = &b->out[replies],
                .msg_iovlen = 1,
                .msg_control = message->msg_controllen ? p->control.data : NULL,
                .msg_controllen = message->msg_controllen,
            };
            replies++;
        }
        send_all(b, fd, replies, count);
        if ((unsigned)received < BATCH)
            return 0;
    }
    return 1;
}
