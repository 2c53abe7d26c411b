"""A printer of driving licences on numbered blanks, with a mouth that takes the old one."""
