#include "config.h"

#include "host/forwarded.h"

#include <arpa/inet.h>
#include <string.h>

/* "[v6]:port" and "v4:port" without what is not the address. */
static struct tn_slice
bare(struct tn_slice in)
{
	ptrdiff_t colon = tn_slice_find(in, ':');
	ptrdiff_t bracket = tn_slice_find(in, ']');

	if (in.len > 0 && in.ptr[0] == '[')
		return bracket < 0 ? TN_SLICE_NONE :
		    tn_slice(in.ptr + 1, (size_t)bracket - 1);
	if (colon >= 0 && colon == tn_slice_rfind(in, ':'))
		return tn_slice_first(in, (size_t)colon);
	return in;
}

bool
tn_address_read(struct tn_slice in, char *out)
{
	struct tn_slice text = bare(tn_slice_trim(in));
	char copy[TN_ADDRESS_TEXT];
	struct in6_addr v6;
	struct in_addr v4;

	if (text.len == 0 || text.len >= sizeof(copy))
		return false;
	memcpy(copy, text.ptr, text.len);
	copy[text.len] = '\0';
	if (inet_pton(AF_INET, copy, &v4) == 1)
		return inet_ntop(AF_INET, &v4, out, TN_ADDRESS_TEXT) != NULL;
	if (inet_pton(AF_INET6, copy, &v6) != 1)
		return false;
	if (IN6_IS_ADDR_V4MAPPED(&v6))
		return inet_ntop(AF_INET, &v6.s6_addr[12], out,
		    TN_ADDRESS_TEXT) != NULL;
	return inet_ntop(AF_INET6, &v6, out, TN_ADDRESS_TEXT) != NULL;
}

bool
tn_address_is_trusted(const char *address, const char *const *trusted,
    size_t n)
{
	char text[TN_ADDRESS_TEXT];

	for (size_t i = 0; i < n; i++) {
		if (tn_address_read(tn_slice_str(trusted[i]), text) &&
		    strcmp(text, address) == 0)
			return true;
	}
	return false;
}

/* Cut the last entry of a list off its end. */
static struct tn_slice
cut_last(struct tn_slice *list)
{
	ptrdiff_t comma = tn_slice_rfind(*list, ',');
	struct tn_slice last = comma < 0 ? *list :
	    tn_slice_after(*list, (size_t)comma + 1);

	*list = comma < 0 ? TN_SLICE_NONE :
	    tn_slice_first(*list, (size_t)comma);
	return tn_slice_trim(last);
}

bool
tn_forwarded_for(struct tn_slice header, const char *const *trusted, size_t n,
    char *out)
{
	char address[TN_ADDRESS_TEXT];

	while (header.len > 0) {
		if (!tn_address_read(cut_last(&header), address))
			return false;
		if (!tn_address_is_trusted(address, trusted, n)) {
			memcpy(out, address, sizeof(address));
			return true;
		}
	}
	return false;
}
