/* Questions that a test asks by arguments: what does this path look like, and what happens if I try? */
#ifndef ASSERT_TRIES_H
#define ASSERT_TRIES_H

/* Answers all `--option value` pairs in the report's members `paths`, `contents`, `lists`, `sysctls` and `tries`.
   Returns false for an option that does not exist. */
bool answer_questions(char **arguments);

/* The usage text of these options. */
extern const char question_usage[];

#endif
