"""Validation: does semantic entropy predict the errors of a teacher?"""
