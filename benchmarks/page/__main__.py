"""`python -m benchmarks.page`: write the page of all benchmarks and its figures. See `benchmarks.page.write`."""

from benchmarks.page.write import main

if __name__ == "__main__":
    main()
