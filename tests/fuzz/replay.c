/*
 * The main of a fuzz target in "make check": gives it each file of its
 * corpus, srcdir/tests/fuzz/corpus/NAME for fuzz_NAME, and speaks TAP.
 * Under ./dev fuzz, libFuzzer's own main stands in its place.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_BYTES 65536		/* of a corpus file; the rest is not read */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
give(const char *path)
{
	static uint8_t data[MAX_BYTES];
	FILE *in = fopen(path, "rb");
	size_t n;

	if (in == NULL)
		return -1;
	n = fread(data, 1, sizeof(data), in);
	fclose(in);
	return LLVMFuzzerTestOneInput(data, n);
}

static int
give_all(DIR *dir, const char *folder)
{
	struct dirent *entry;
	char path[4096];
	int n = 0;

	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		printf("%sok %d - %s\n", give(path) == 0 ? "" : "not ", ++n,
		    entry->d_name);
		fflush(stdout);
	}
	return n;
}

int
main(int argc, char **argv)
{
	const char *srcdir = getenv("srcdir");
	const char *name = argc > 0 ? strstr(argv[0], "fuzz_") : NULL;
	char folder[2048];
	DIR *dir;

	snprintf(folder, sizeof(folder), "%s/tests/fuzz/corpus/%s",
	    srcdir == NULL ? "." : srcdir,
	    name == NULL ? "" : name + strlen("fuzz_"));
	dir = opendir(folder);
	if (dir == NULL) {
		printf("Bail out! %s: %s\n", folder, strerror(errno));
		return EXIT_FAILURE;
	}
	printf("1..%d\n", give_all(dir, folder));
	closedir(dir);
	return EXIT_SUCCESS;
}
