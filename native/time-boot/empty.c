// The least that any program takes.
int main(void) { return 0; }
