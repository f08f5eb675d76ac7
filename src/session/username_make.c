/*
 * Makes username_table.h: letters and marks that look like others, by ICU's
 * table of confusables (Unicode Technical Standard 39).
 *
 *	cc username_make.c $(pkg-config --cflags --libs icu-i18n icu-uc) &&
 *	    ./a.out >username_table.h
 *
 * Only what a name of ours may hold: folded, composed for compatibility, of
 * a script in daily use other than Han. A prototype is folded as well, so
 * that '0' looks like 'o'; 'm' stands for "rn" and not the reverse.
 */
#include <stdio.h>
#include <string.h>
#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/uscript.h>
#include <unicode/uspoof.h>
#include <unicode/ustring.h>

#define MAX 64

static const UScriptCode scripts[] = {
	USCRIPT_LATIN, USCRIPT_CYRILLIC, USCRIPT_GREEK, USCRIPT_ARMENIAN,
	USCRIPT_GEORGIAN, USCRIPT_HEBREW, USCRIPT_ARABIC, USCRIPT_THAANA,
	USCRIPT_ETHIOPIC, USCRIPT_DEVANAGARI, USCRIPT_BENGALI,
	USCRIPT_GURMUKHI, USCRIPT_GUJARATI, USCRIPT_ORIYA, USCRIPT_TAMIL,
	USCRIPT_TELUGU, USCRIPT_KANNADA, USCRIPT_MALAYALAM, USCRIPT_SINHALA,
	USCRIPT_THAI, USCRIPT_LAO, USCRIPT_TIBETAN, USCRIPT_MYANMAR,
	USCRIPT_KHMER, USCRIPT_HANGUL, USCRIPT_HIRAGANA, USCRIPT_KATAKANA,
	USCRIPT_BOPOMOFO, USCRIPT_COMMON, USCRIPT_INHERITED,
};

static int
is_ours(UChar32 c, const UNormalizer2 *fold)
{
	UErrorCode e = U_ZERO_ERROR;
	UScriptCode script = uscript_getScript(c, &e);
	UChar one[2], two[MAX];
	int n = 0, m, known = 0;

	if (!u_hasBinaryProperty(c, UCHAR_XID_CONTINUE) ||
	    u_hasBinaryProperty(c, UCHAR_DEFAULT_IGNORABLE_CODE_POINT))
		return 0;
	for (size_t i = 0; i < sizeof(scripts) / sizeof(*scripts); i++)
		known |= script == scripts[i];
	U16_APPEND_UNSAFE(one, n, c);
	m = unorm2_normalize(fold, one, n, two, MAX, &e);
	return known && U_SUCCESS(e) && m == n && memcmp(one, two, n * 2) == 0;
}

int
main(void)
{
	UErrorCode e = U_ZERO_ERROR;
	const UNormalizer2 *fold = unorm2_getNFKCCasefoldInstance(&e);
	const UNormalizer2 *nfd = unorm2_getNFDInstance(&e);
	USpoofChecker *spoof = uspoof_open(&e);
	int n = 0, column = 80;

	printf("/* Made by username_make.c with ICU %s, Unicode %s. */\n",
	    U_ICU_VERSION, U_UNICODE_VERSION);
	printf("static const struct look looks[] = {");
	for (UChar32 c = 0; c <= 0x10ffff; c++) {
		UChar one[2], plain[MAX], skeleton[MAX], folded[MAX], out[MAX];
		char text[MAX * 3];
		int len = 0, np, ns, nf, no, nt;

		if (!is_ours(c, fold))
			continue;
		U16_APPEND_UNSAFE(one, len, c);
		np = unorm2_normalize(nfd, one, len, plain, MAX, &e);
		ns = uspoof_getSkeleton(spoof, 0, one, len, skeleton, MAX, &e);
		nf = unorm2_normalize(fold, skeleton, ns, folded, MAX, &e);
		no = unorm2_normalize(nfd, folded, nf, out, MAX, &e);
		if (U_FAILURE(e))
			return 1;
		if (np > len || c == 'm' || (no == np &&
		    memcmp(out, plain, no * 2) == 0))
			continue;	/* decomposed first, or its own */
		u_strToUTF8(text, sizeof(text), &nt, out, no, &e);
		if (column + 16 + 4 * nt > 80) {
			printf("\n\t");
			column = 8;
		}
		column += printf("{ 0x%04x, \"", c);
		for (int i = 0; i < nt; i++)
			column += printf((unsigned char)text[i] < 0x80 ?
			    "%c" : "\\%03o", (unsigned char)text[i]);
		column += printf("\" }, ");
		n++;
	}
	printf("\n};\n");
	fprintf(stderr, "%d\n", n);
	return 0;
}
