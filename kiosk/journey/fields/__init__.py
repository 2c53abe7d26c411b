"""The kinds of fields that a form may have: how each is typed, brought into one form, judged and shown."""
