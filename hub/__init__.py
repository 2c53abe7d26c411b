"""The city side: inbox, departments, questions. Stateless processes on one PostgreSQL."""
