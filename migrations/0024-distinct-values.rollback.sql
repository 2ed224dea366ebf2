DROP TABLE distinct_value;
