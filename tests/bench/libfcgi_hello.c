/*
 * What libfcgi's own way costs: so many threads that each accept, answer a
 * line, and accept again.
 *
 *	libfcgi_hello --listen unix:PATH --threads N
 *
 * A connection that the web server keeps holds its thread, so there are to be
 * more of these than of those.
 */
#include "config.h"

#include <fcgiapp.h>
#include <getopt.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "floor.h"

#define BACKLOG	128

static void *
answer(void *arg)
{
	FCGX_Request request;

	FCGX_InitRequest(&request, *(const int *)arg, 0);
	while (FCGX_Accept_r(&request) == 0) {
		FCGX_PutS("Content-Type: text/plain\r\n"
		    "Content-Length: 12\r\n\r\nhello world\n", request.out);
		FCGX_Finish_r(&request);
	}
	floor_die("cannot accept");
}

int
main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "listen", required_argument, NULL, 'l' },
		{ "threads", required_argument, NULL, 't' },
		{ NULL, 0, NULL, 0 },
	};
	const char *where = "";
	int threads = 1, listener, o;
	pthread_t thread;

	while ((o = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (o) {
		case 'l': where = optarg; break;
		case 't': threads = atoi(optarg); break;
		default: exit(2);
		}
	}
	if (strncmp(where, "unix:", 5) != 0 || FCGX_Init() != 0)
		floor_die("--listen wants unix:PATH");
	floor_start();
	listener = FCGX_OpenSocket(where + 5, BACKLOG);
	if (listener < 0)
		floor_die("cannot listen");
	for (int i = 1; i < threads; i++)
		if (pthread_create(&thread, NULL, answer, &listener) != 0)
			floor_die("no thread");
	answer(&listener);
}
