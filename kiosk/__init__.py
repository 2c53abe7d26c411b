"""The machine: visit, journeys, catalogue, slips, maintenance, health. Imports no Kivy."""
