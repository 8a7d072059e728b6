/* A server that only sends packets back, with the QR bit set.
 *
 *   echo PORT      on 127.0.0.1, until it is stopped, at most an hour
 *
 * It waits, receives a batch with recvmmsg and sends it with sendmmsg.  Its cost is that of the
 * kernel and the system calls, and thus the unit in which servers are measured.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BATCH = 64, SIZE = 2048, SECONDS = 3600 };

static uint8_t packets[BATCH][SIZE];
static struct mmsghdr messages[BATCH];
static struct iovec parts[BATCH];
static struct sockaddr_in peers[BATCH];

int main(int argc, char **argv)
{
    int port = argc == 2 ? atoi(argv[1]) : 0;
    if (port <= 0 || port > 65535) {
        fprintf(stderr, "usage: echo PORT\n");
        return 2;
    }
    alarm(SECONDS);
    int sock = socket(AF_INET, SOCK_DGRAM, 0), buffer = 4 << 20;
    setsockopt(sock, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    struct sockaddr_in ours = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    ours.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (sock < 0 || bind(sock, (struct sockaddr *)&ours, sizeof ours)) {
        perror("bind");
        return 1;
    }
    for (;;) {
        for (int i = 0; i < BATCH; i++) {
            parts[i] = (struct iovec){packets[i], SIZE};
            messages[i].msg_hdr = (struct msghdr){.msg_name = &peers[i],
                                                  .msg_namelen = sizeof peers[i],
                                                  .msg_iov = &parts[i],
                                                  .msg_iovlen = 1};
        }
        int taken = recvmmsg(sock, messages, BATCH, MSG_WAITFORONE, NULL);
        if (taken < 0) {
            perror("recvmmsg");
            return 1;
        }
        for (int i = 0; i < taken; i++) {
            parts[i].iov_len = messages[i].msg_len;
            packets[i][2] |= 0x80;
        }
        for (int sent = 0; sent < taken;) {
            int more = sendmmsg(sock, messages + sent, (unsigned)(taken - sent), 0);
            sent += more > 0 ? more : 1;
        }
    }
}
