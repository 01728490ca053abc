"""Validation: does semantic entropy predict the errors of a teacher?

| module | what it holds |
|---|---|
| `graded_answers` | what is validated: problems with sampled answers |
| `from_dataset`, `from_file` | the two readers: a published folder, anyone's file |
| `labels` | which answer counts as the teacher's, and whether it is right |
| `report` | the report and its figures |
| `student` | samples of a student on the same problems: reading, matching, grading |
| `headroom` | the accuracies of teacher and student by the weight |
"""
