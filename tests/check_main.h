/* The main of every check_*: one suite, spoken as TAP. */
#ifndef TN_CHECK_MAIN_H
#define TN_CHECK_MAIN_H

#include <check.h>
#include <stdlib.h>

/* Exit status is 0 whenever all results were printed; TAP carries failures. */
#define TN_CHECK_MAIN(suite)						\
int									\
main(void)								\
{									\
	SRunner *runner = srunner_create(suite());			\
									\
	srunner_set_tap(runner, "-");					\
	srunner_run_all(runner, CK_SILENT);				\
	srunner_free(runner);						\
	return EXIT_SUCCESS;						\
}

#endif
